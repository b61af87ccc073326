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
  /** Takes no connection any more. Requests under way may end within `graceMs`, then what is open is cut. */
  close(graceMs?: number): Promise<void>
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
/** How long a request may take to arrive, unless told. */
const REQUEST_MS = 300_000
const DRAIN_LOOK_MS = 50

/** `requestMs`: how long a request may take to arrive; 0: for ever, where requests are streams. */
export function openTwoWayPort(
  handler: RequestListener,
  clock: Clock,
  events: PortEvents,
  { requestMs = REQUEST_MS }: { requestMs?: number } = {},
): TwoWayPort {
  const plain = createHttpServer({ requestTimeout: requestMs }, handler)
  const secure = createHttpsServer(
    // A certificate is asked for and not insisted on: a token is another proof. What it proves is judged request by request.
    {
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: MIN_VERSION,
      ...strongTls,
      handshakeTimeout: HANDSHAKE_MS,
      requestTimeout: requestMs,
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
  /** A connection idles when its request has ended; nobody tells, so one has to look. */
  const drained = (graceMs: number) =>
    new Promise<void>(resolve => {
      const untilMs = clock.now() + graceMs
      const stop = clock.every(DRAIN_LOOK_MS, () => {
        for (const server of servers) server.closeIdleConnections()
        if (sockets.size > 0 && clock.now() < untilMs) return
        stop()
        resolve()
      })
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
    async close(graceMs = 0) {
      peek.close()
      const closed = new Promise<void>(resolve => {
        if (front.listening) front.close(() => resolve())
        else resolve()
      })
      for (const server of servers) server.close()
      if (graceMs > 0) await drained(graceMs)
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
