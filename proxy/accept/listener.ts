import { createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { type Address, formatAddress, listen } from '../../runtime/address.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import { occasionalLog } from '../../runtime/occasional-log.ts'
import type { Direction, Stage } from '../exchange.ts'
import { keepAlive } from '../keepalive.ts'
import { TcpConnection, type TcpStage } from '../tcp/connection.ts'
import { DownstreamConnection } from './connection.ts'
import type { AcceptEvents, Accepted, ListenerContext } from './context.ts'
import { createDoor, plainSide, type Side } from './door.ts'
import { Greeting } from './greeting.ts'
import { Http2DownstreamConnection } from './http2/connection.ts'
import { defaultListenerLimits, http2LimitsOf, type ListenerSettings } from './settings.ts'
import { emptyListenerStats, type ListenerStats } from './stats.ts'

/** How often timeouts are looked at: they are exact to about this much. */
const SWEEP_MS = 100
const LOG_PERIOD_MS = 10_000

const NO_BYTES = Buffer.alloc(0)

export interface ListenerParts {
  /** Takes each request as an exchange and sees to it that it ends. */
  handler: Stage
  /** Where TCP is carried: whether the next connection is TCP's, and who takes it. */
  tcp?: { carried: () => boolean; handler: TcpStage } | undefined
  clock: Clock
  log: Log
  events?: AcceptEvents
}

export interface Listener {
  /** The address that was taken. */
  readonly address: Address
  readonly direction: Direction
  readonly stats: ListenerStats
  readonly draining: boolean
  /** Takes no new connection, closes idle ones, says `connection: close` on every answer. */
  drain(): void
  /** Drains, and ends when the last connection has ended or after `graceMs`, whichever is first; what is left then is cut off. */
  close(graceMs: number): Promise<void>
}

/** Listens; rejects with a sentence that names the address when it cannot. */
export async function createListener(settings: ListenerSettings, parts: ListenerParts): Promise<Listener> {
  const connections = new Set<Accepted>()
  const stats = emptyListenerStats()
  const limits = { ...defaultListenerLimits, ...settings.limits }
  const takesHttp2 = settings.http2 ?? true
  let allClosed = (): void => {}
  const context: ListenerContext = {
    direction: settings.direction,
    allowConnect: settings.allowConnect ?? false,
    limits,
    handler: parts.handler,
    clock: parts.clock,
    log: parts.log,
    events: parts.events ?? {},
    stats,
    http2: {
      options: { limits: http2LimitsOf(limits), stats: stats.http2, extendedConnect: true },
      say: occasionalLog(parts.clock, LOG_PERIOD_MS, line => parts.log.warn({ direction: settings.direction }, line)),
    },
    coarseNow: parts.clock.now(),
    draining: false,
    closed: connection => connections.delete(connection),
  }
  const carriesTcp = parts.tcp?.carried ?? (() => false)
  const door =
    settings.security === undefined ? undefined : createDoor(settings.security, context, takesHttp2, carriesTcp, enter)
  const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    // Gone before we came to it: nothing will ever be said on it.
    if (socket.remoteAddress === undefined) {
      socket.destroy()
      return
    }
    keepAlive(socket, limits.tcpKeepaliveMs)
    stats.cxTotal++
    stats.cxActive++
    socket.once('close', () => {
      stats.cxActive--
      if (stats.cxActive === 0) allClosed()
    })
    if (door === undefined) enter(socket, { ...plainSide, tcp: carriesTcp() })
    else door.take(socket)
  })

  /** A connection is as far as its requests: they are read from here on. Or it is TCP's, and carried as it is. */
  function enter(socket: Socket, side: Side): void {
    const ip = ipOf(socket.remoteAddress)
    if (ip === '') {
      socket.destroy()
      return
    }
    const { direction } = settings
    const peerAddress = formatAddress({ host: ip, port: socket.remotePort ?? 0 })
    if (side.tcp) {
      enterTcp(socket, side, peerAddress)
      return
    }
    const peer = { ip, direction, trusted: settings.trusts?.(ip) ?? false, ...side }
    const settle = (speaks: 'http1' | 'http2', first: Buffer): Accepted => {
      const made = speaks === 'http2' ? Http2DownstreamConnection : DownstreamConnection
      const connection = new made(socket, peer, peerAddress, context)
      connections.add(connection)
      connection.take(first)
      return connection
    }
    let connection: Accepted
    if (socket instanceof TLSSocket) connection = settle(socket.alpnProtocol === 'h2' ? 'http2' : 'http1', NO_BYTES)
    else if (takesHttp2) {
      connection = new Greeting(socket, context, settle)
      connections.add(connection)
    } else connection = settle('http1', NO_BYTES)
    if (context.draining) connection.drain()
  }

  function enterTcp(socket: Socket, { client }: Side, peerAddress: string): void {
    // Its handshake was under way when we began to drain: it was never taken, and may try elsewhere.
    if (context.draining) {
      socket.destroy()
      return
    }
    const connection = new TcpConnection(socket, client, peerAddress, context)
    connections.add(connection)
    parts.tcp?.handler(connection)
  }

  server.maxConnections = context.limits.connectionsMax
  server.on('drop', () => stats.cxOverflow++)
  const address = await listen(server, settings.address)
  server.on('error', error => parts.log.error({ err: error }, `listener ${formatAddress(address)}: ${error.message}`))
  const stopSweep = parts.clock.every(SWEEP_MS, () => {
    context.coarseNow = parts.clock.now()
    for (const connection of connections) connection.sweep(context.coarseNow)
  })

  function drain(): void {
    if (context.draining) return
    context.draining = true
    server.close()
    door?.drain()
    for (const connection of connections) connection.drain()
  }

  let closing: Promise<void> | undefined
  return {
    address,
    direction: settings.direction,
    stats,
    get draining() {
      return context.draining
    },
    drain,
    close(graceMs) {
      closing ??= new Promise<void>(resolve => {
        drain()
        const cancel = parts.clock.after(graceMs, () => {
          door?.close()
          for (const connection of connections) connection.destroy()
        })
        allClosed = () => {
          cancel()
          stopSweep()
          resolve()
        }
        if (stats.cxActive === 0) allClosed()
      })
      return closing
    },
  }
}

/** IPv4 in its own writing, also where the socket is a dual-stack one. */
function ipOf(remoteAddress: string | undefined): string {
  if (remoteAddress === undefined) return ''
  return remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress
}
