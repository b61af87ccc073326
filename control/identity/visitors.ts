import type { FastifyRequest } from 'fastify'
import type { Clock } from '../../runtime/clock.ts'
import { peerFacts } from '../../runtime/peer-certificate.ts'
import type { Visitor } from '../door.ts'
import type { IdentityEvents } from './events.ts'
import { type FailureLimit, isLoopback, peerKey } from './failure-limit.ts'
import { type HomeMesh, judgePeer } from './peer.ts'
import type { TokenBook } from './token-book.ts'
import { fitsService, readAuthorization } from './tokens.ts'

export type DoorsMode = 'tokens' | 'open-loopback'

export type Seen = { status: 'known'; visitor: Visitor } | { status: 'wait'; waitMs: number }

/** Who a request comes from. Failures are counted by address; over the limit a token is not looked at any more. */
export interface Visitors {
  see(request: FastifyRequest): Seen
  /** `guess`: nothing was proved at all; who is known and may not is no guesser. */
  failed(request: FastifyRequest, refusal: { why: string; reason: string }, guess: boolean): void
}

export function visitors(parts: {
  doors: DoorsMode
  clock: Clock
  tokens: TokenBook
  limit: FailureLimit
  home(): HomeMesh
  /** Host names that this control is asked by, beside loopback ones. */
  ownHosts: readonly string[]
  events: Pick<IdentityEvents, 'proofFailed'>
}): Visitors {
  const { clock, tokens, limit } = parts

  const byToken = (request: FastifyRequest): Visitor | undefined => {
    const presented = readAuthorization(request.headers.authorization)
    if (presented === undefined) return undefined
    if (presented === 'malformed')
      return { is: 'nobody', why: 'malformed', problem: 'the authorization header holds no token of Trimtab' }
    const known = tokens.know(presented)
    if (known.status === 'refused') return { is: 'nobody', why: known.why, problem: known.reason }
    const { token } = known
    const name = `token ${token.id} (${token.name})`
    if (token.kind !== 'join') return { is: token.kind === 'admin' ? 'admin' : 'reader', name }
    // One that is good for once is for a certificate; a stream would have to spend it.
    if (!token.reusable)
      return {
        is: 'nobody',
        why: 'one-time-token',
        problem: `token ${token.id} is good for one certificate, and for nothing else`,
      }
    return { is: 'proxy', name, fits: service => fitsService(token, service) }
  }
  const byCertificate = (request: FastifyRequest): Visitor | undefined => {
    const peer = judgePeer(peerFacts(request.raw.socket), clock.wall(), parts.home())
    if (peer.status === 'none') return undefined
    if (peer.status === 'refused') return { is: 'nobody', why: peer.why, problem: peer.reason }
    const { service, serial } = peer
    return { is: 'proxy', name: `${service} by certificate`, serial, fits: other => other === service }
  }
  const byPlace = (request: FastifyRequest): Visitor | undefined =>
    parts.doors === 'open-loopback' &&
    isLoopback(request.raw.socket.remoteAddress) &&
    isOwnHost(request.headers.host, parts.ownHosts)
      ? { is: 'admin', name: 'somebody on this machine' }
      : undefined

  return {
    see(request) {
      const certified = byCertificate(request)
      // A proof by certificate was made in the handshake: no guess, so no limit.
      if (certified?.is === 'proxy' && request.headers.authorization === undefined)
        return { status: 'known', visitor: certified }
      if (request.headers.authorization !== undefined) {
        const waitMs = limit.waitMs(peerKey(request.raw.socket.remoteAddress), clock.now())
        if (waitMs > 0) return { status: 'wait', waitMs }
      }
      const visitor = byToken(request) ?? byPlace(request) ?? certified ?? { is: 'nobody' }
      return { status: 'known', visitor }
    },
    failed(request, { why, reason }, guess) {
      if (guess) limit.failed(peerKey(request.raw.socket.remoteAddress), clock.now())
      parts.events.proofFailed(why, reason, request.raw.socket.remoteAddress)
    },
  }
}

/**
 * A page of elsewhere whose name was made to point at this machine sends its own name as host: it is no neighbour, though it comes
 * from loopback (DNS rebinding).
 */
function isOwnHost(header: string | undefined, ownHosts: readonly string[]): boolean {
  const host = (header ?? '')
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
  return host === 'localhost' || isLoopback(host) || ownHosts.includes(host)
}
