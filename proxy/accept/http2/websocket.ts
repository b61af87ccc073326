import { createHash } from 'node:crypto'
import { type Fields, fieldOf } from '../../exchange.ts'

/** RFC 6455, 1.3. */
const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** Whether a 101 answers the key that its request held: whoever did not read the request cannot (RFC 6455, 4.1). */
export function isAccepted(request: Fields, answer: Fields): boolean {
  const key = fieldOf(request, 'sec-websocket-key') ?? ''
  return (
    fieldOf(answer, 'sec-websocket-accept') ===
    createHash('sha1')
      .update(key + MAGIC)
      .digest('base64')
  )
}

/** The fields of a 101 that go on over HTTP/2, where no key was sent and none is answered. */
export function withoutAccept(fields: Fields): Fields {
  const kept: Fields = []
  for (let i = 0; i < fields.length; i += 2)
    if (fields[i] !== 'sec-websocket-accept') kept.push(fields[i]!, fields[i + 1]!)
  return kept
}
