import type { Socket } from 'node:net'
import { tlsOrPlain } from '../../runtime/tls-or-plain.ts'
import { type Failure, failure } from '../failures.ts'
import { occasionalLog } from '../occasional-log.ts'
import type { ListenerContext } from './context.ts'
import { Handshakes } from './handshakes.ts'
import { type Client, type Security, servedProtocols, unknownClient } from './security.ts'

const LOG_PERIOD_MS = 10_000

/** What the way in says of a connection's requests. */
export interface Side {
  scheme: 'http' | 'https'
  client: Client
  plain: boolean
  refusal: Failure | undefined
}

export const plainSide: Side = { scheme: 'http', client: unknownClient, plain: false, refusal: undefined }

/** Stands between a listener that takes TLS and its connections: what is TLS goes through a handshake, what is not is taken or refused. */
export interface Door {
  take(socket: Socket): void
  /** Ends connections that said nothing yet. */
  drain(): void
  /** Ends handshakes, too. */
  close(): void
}

export function createDoor(
  security: () => Security,
  context: ListenerContext,
  takesHttp2: boolean,
  enter: (socket: Socket, side: Side) => void,
): Door {
  const { stats, limits, clock, direction } = context
  const say = occasionalLog(clock, LOG_PERIOD_MS, line => context.log.warn({ direction }, line))
  const handshakes = new Handshakes({
    limits: { max: limits.handshakesMax, timeoutMs: limits.handshakeTimeoutMs },
    stats: stats.tls,
    clock,
    protocols: servedProtocols(takesHttp2),
    onSecure: (socket, client) => enter(socket, { scheme: 'https', client, plain: false, refusal: undefined }),
    onFailed: (fault, detail, peer) =>
      say(fault, `TLS with ${peer || 'a client that is gone'} failed (${fault}): ${detail}`),
  })

  function enterPlain(socket: Socket, { mode, plainRefusal }: Security): void {
    if (mode !== 'strict') {
      stats.cxPlain++
      enter(socket, { ...plainSide, plain: true })
      return
    }
    stats.cxPlainRefused++
    stats.tls.faults.plain_text++
    say('plain_text', `${socket.remoteAddress} spoke clear text to a port that takes TLS alone`)
    // Its first request is read and answered with the reason: a mere close would leave people guessing.
    enter(socket, { ...plainSide, refusal: failure('DPE', plainRefusal) })
  }

  const peek = tlsOrPlain(
    {
      tls: socket => handshakes.take(socket, security()),
      plain: socket => enterPlain(socket, security()),
    },
    {
      clock,
      firstByteMs: limits.idleTimeoutMs,
      waitingMax: limits.connectionsMax,
      onDropped(socket) {
        stats.cxIdleTimeout++
        socket.destroy()
      },
    },
  )
  return {
    take(socket) {
      // A port that takes clear text alone has nothing to look for.
      if (security().mode === 'off') enter(socket, plainSide)
      else peek.take(socket)
    },
    drain: () => peek.close(),
    close: () => handshakes.close(),
  }
}
