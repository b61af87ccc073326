import type { Socket } from 'node:net'

/** What lies under a TLS socket: of TCP alone there is a reset. */
const beneath = new WeakMap<Socket, Socket>()

/** Notes that `secure` speaks TLS over `raw`, so that a reset of the one can be had. */
export function laidOver(secure: Socket, raw: Socket): void {
  beneath.set(secure, raw)
}

/** Ends a connection by RST (RFC 9293, 3.5.2): what is on its way is lost, and the far end is told that it did not end well. */
export function reset(socket: Socket): void {
  const raw = beneath.get(socket) ?? socket
  // Behind a FIN libuv takes no reset, and Node would leak the descriptor; a TLS socket whose TCP socket nobody noted has none, either.
  const impossible = socket.destroyed || raw.destroyed || socket.writableEnded || raw.connecting
  if (impossible || ('encrypted' in raw && raw.encrypted === true)) socket.destroy()
  else raw.resetAndDestroy()
}
