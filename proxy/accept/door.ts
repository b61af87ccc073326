import type { Socket } from 'node:net'
import { occasionalLog } from '../../runtime/occasional-log.ts'
import { tlsOrPlain } from '../../runtime/tls-or-plain.ts'
import { type Failure, failure } from '../failures.ts'
import type { ListenerContext } from './context.ts'
import { Handshakes } from './handshakes.ts'
import { type Client, type Security, servedProtocols, unknownClient } from './security.ts'

const LOG_PERIOD_MS = 10_000

/** What the way in says of a connection's requests, or of the connection where it carries TCP. */
export interface Side {
  tcp: boolean
  scheme: 'http' | 'https'
  client: Client
  plain: boolean
  refusal: Failure | undefined
}

export const plainSide: Side = { tcp: false, scheme: 'http', client: unknownClient, plain: false, refusal: undefined }

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
  /** Whether the next connection is TCP's. */
  carriesTcp: () => boolean,
  enter: (socket: Socket, side: Side) => void,
): Door {
  const { stats, limits, clock, direction } = context
  const say = occasionalLog(clock, LOG_PERIOD_MS, line => context.log.warn({ direction }, line))
  const handshakes = new Handshakes({
    limits: { max: limits.handshakesMax, timeoutMs: limits.handshakeTimeoutMs },
    stats: stats.tls,
    clock,
    protocols: tcp => servedProtocols(takesHttp2, tcp),
    onSecure: (socket, client, tcp) =>
      enter(socket, { tcp, scheme: 'https', client, plain: false, refusal: undefined }),
    onFailed: (fault, detail, peer) =>
      say(fault, `TLS with ${peer || 'a client that is gone'} failed (${fault}): ${detail}`),
  })

  function enterPlain(socket: Socket, { mode, plainRefusal }: Security): void {
    const tcp = carriesTcp()
    if (mode !== 'strict') {
      stats.cxPlain++
      enter(socket, { ...plainSide, tcp, plain: true })
      return
    }
    stats.cxPlainRefused++
    stats.tls.faults.plain_text++
    say('plain_text', `${socket.remoteAddress} spoke clear text to a port that takes TLS alone`)
    // What it speaks is not known, so there are no words to tell it why.
    if (tcp) {
      socket.destroy()
      return
    }
    // Its first request is read and answered with the reason: a mere close would leave people guessing.
    enter(socket, { ...plainSide, refusal: failure('DPE', plainRefusal) })
  }

  /** A client in clear text may be one to whom the server speaks first (MySQL, SMTP): silence says that it is none of TLS. */
  const waitsForServer = ({ mode }: Security): boolean => mode === 'permissive' && carriesTcp()

  const peek = tlsOrPlain(
    {
      tls: socket => handshakes.take(socket, security(), carriesTcp()),
      plain: socket => enterPlain(socket, security()),
    },
    {
      clock,
      firstByteMs: limits.idleTimeoutMs,
      waitingMax: limits.connectionsMax,
      onDropped(socket, why) {
        const current = security()
        if (why === 'silent' && waitsForServer(current)) {
          enterPlain(socket, current)
          return
        }
        stats.cxIdleTimeout++
        socket.destroy()
      },
    },
  )
  return {
    take(socket) {
      // A port that takes clear text alone has nothing to look for.
      const current = security()
      if (current.mode === 'off') enter(socket, { ...plainSide, tcp: carriesTcp() })
      else peek.take(socket, waitsForServer(current) ? limits.firstByteMs : limits.idleTimeoutMs)
    },
    drain: () => peek.close(),
    close: () => handshakes.close(),
  }
}
