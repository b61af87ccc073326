import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import { createServer, type Socket } from 'node:net'
import { type Address, formatAddress, listen } from '../../runtime/address.ts'
import type { Clock } from '../../runtime/clock.ts'
import { tlsOrPlain } from '../../runtime/tls-or-plain.ts'

/** Control's one port: TLS and clear text, told apart by the first byte, answered by the same handler. */
export interface Port {
  /** For fastify: the clear-text side. */
  readonly plain: HttpServer
  listen(address: Address): Promise<string>
  /** From now on new connections see this certificate; those that are open stay. Before the first, TLS is turned away. */
  setTls(tls: { cert: string; key: string; ca: string[] }): void
  close(): Promise<void>
}

export interface PortEvents {
  handshakeFailed(reason: string): void
  connectionDropped(why: string): void
}

const FIRST_BYTE_MS = 10_000
const WAITING_MAX = 10_000
const HANDSHAKE_MS = 10_000
const MIN_VERSION = 'TLSv1.2'

export function openPort(handler: RequestListener, clock: Clock, events: PortEvents): Port {
  const plain = createHttpServer(handler)
  const secure = createHttpsServer(
    // A certificate is asked for and not insisted on: a token is another proof. What it proves is judged request by request.
    { requestCert: true, rejectUnauthorized: false, minVersion: MIN_VERSION, handshakeTimeout: HANDSHAKE_MS },
    handler,
  )
  const sockets = new Set<Socket>()
  let certified = false
  const drop = (socket: Socket, why: string) => {
    events.connectionDropped(why)
    socket.destroy()
  }
  const peek = tlsOrPlain(
    {
      tls: socket => (certified ? secure.emit('connection', socket) : drop(socket, 'no-certificate')),
      plain: socket => plain.emit('connection', socket),
    },
    { clock, firstByteMs: FIRST_BYTE_MS, waitingMax: WAITING_MAX, onDropped: drop },
  )
  const front = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    peek.take(socket)
  })
  secure.on('tlsClientError', error => events.handshakeFailed(error.message))
  return {
    plain,
    async listen(address) {
      const taken = await listen(front, address)
      // Neither server listens itself; this begins their watch over slow heads and requests.
      for (const server of [plain, secure] as (HttpServer | HttpsServer)[]) server.emit('listening')
      return formatAddress(taken)
    },
    setTls(tls) {
      // What is not said again falls back to Node's own choice.
      secure.setSecureContext({ ...tls, minVersion: MIN_VERSION })
      certified = true
    },
    async close() {
      peek.close()
      const closed = new Promise<void>(resolve => {
        if (front.listening) front.close(() => resolve())
        else resolve()
      })
      plain.close()
      secure.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
