import { createServer, type Socket } from 'node:net'

/** A connection's first byte says what its far end does: answers it, sends without end, or answers once and reads no further. */
export const ECHO = 0x65
export const FILL = 0x66
export const HOLD = 0x68

const BLOCK = Buffer.alloc(64 * 1024, 0x62)

/** Drops what it reads, where the first byte says nothing else. */
export function serveTcp(port: number): void {
  createServer({ noDelay: true }, socket => {
    socket.on('error', () => {})
    socket.once('data', first => {
      if (first[0] === ECHO || first[0] === HOLD) socket.write(first)
      if (first[0] === HOLD) socket.pause()
      if (first[0] === FILL) fill(socket)
    })
    socket.resume()
  }).listen(port, '127.0.0.1')
}

/** Sends as fast as it may, until `done` says so. */
export function fill(socket: Socket, done: () => boolean = () => socket.destroyed): void {
  const more = (): void => {
    while (!done() && socket.write(BLOCK));
  }
  socket.on('drain', more)
  more()
}
