import { createHash } from 'node:crypto'

const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** The answer to a Sec-WebSocket-Key: whoever did not read the request cannot give it (RFC 6455, 4.2.2). */
export function webSocketAccept(key: string): string {
  return createHash('sha1')
    .update(key + MAGIC)
    .digest('base64')
}
