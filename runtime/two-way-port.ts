import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type Socket } from 'node:net'
import { type Address, formatAddress, listen } from './address.ts'
import type { Clock } from './clock.ts'
import { tlsOrPlain } from './tls-or-plain.ts'
import { strongTls } from './tls-strength.ts'

/** One port that takes TLS and clear text, told apart by the first byte, answered by the same handler. */
export interface TwoWayPort {
  /** For fastify: the clear-text side. */
  readonly plain: HttpServer
  listen(address: Address): Promise<string>
  /** From now on new connections see this certificate; those that are open stay. Before the first, TLS is turned away. */
  setTls(tls: { cert: string; key: string; ca: string[] }): void
  /** Takes no connection any more, and cuts those that are open. */
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
/** Longer than clients keep a connection for their next question, so that it is they who close. */
const KEEP_ALIVE_MS = 72_000

export function openTwoWayPort(handler: RequestListener, clock: Clock, events: PortEvents): TwoWayPort {
  const plain = createHttpServer(handler)
  const secure = createHttpsServer(
    // A certificate is asked for and not insisted on: a token is another proof. What it proves is judged request by request.
    {
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: MIN_VERSION,
      ...strongTls,
      handshakeTimeout: HANDSHAKE_MS,
    },
    handler,
  )
  const servers = [plain, secure] as const
  for (const server of servers) server.keepAliveTimeout = KEEP_ALIVE_MS
  const sockets = new Set<Socket>()
  let certified = false
  const drop = (socket: Socket, why: string) => {
    events.connectionDropped(why)
    socket.destroy()
  }
  const peek = tlsOrPlain(
    {
      tls(socket) {
        if (!certified) return drop(socket, 'no-certificate')
        // As a tls.Server has it: a peer that leaves in the middle of a handshake is gone, and not waited for.
        socket.allowHalfOpen = false
        secure.emit('connection', socket)
      },
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
      for (const server of servers) server.emit('listening')
      return formatAddress(taken)
    },
    setTls(tls) {
      // What is not said again falls back to Node's own choice.
      secure.setSecureContext({ ...tls, minVersion: MIN_VERSION, ...strongTls })
      certified = true
    },
    async close() {
      peek.close()
      const closed = new Promise<void>(resolve => {
        if (front.listening) front.close(() => resolve())
        else resolve()
      })
      for (const server of servers) server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
