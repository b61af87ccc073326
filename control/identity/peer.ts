import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { serviceOfSpiffeId } from '../../protocol/identity.ts'

/** What the certificate of the other end proves, at this moment. */
export type Peer =
  | { status: 'none' }
  | { status: 'proved'; service: string; serial: string }
  | {
      status: 'refused'
      why: 'untrusted' | 'expired' | 'not-yet-valid' | 'no-identity' | 'foreign-mesh'
      reason: string
    }

export interface PeerFacts {
  /** OpenSSL followed the chain to a trusted root, when the connection began; else its word for what was wrong. */
  chain: { holds: true } | { holds: false; problem: string }
  certificate: Pick<X509Certificate, 'subjectAltName' | 'ca' | 'validFromDate' | 'validToDate' | 'serialNumber'>
}

export interface HomeMesh {
  trustDomain: string
  dc: string
}

/** The certificate that the other end of a TLS connection showed; undefined when it showed none, or speaks clear text. */
export function peerFacts(socket: Socket): PeerFacts | undefined {
  if (!(socket instanceof TLSSocket)) return undefined
  const certificate = socket.getPeerX509Certificate()
  if (!certificate) return undefined
  const problem = String(socket.authorizationError ?? 'its chain does not hold')
  return { certificate, chain: socket.authorized ? { holds: true } : { holds: false, problem } }
}

/** Judges what was shown. The clock is asked each time: a connection may outlive the certificate that it began with. */
export function judgePeer(facts: PeerFacts | undefined, nowMs: number, home: HomeMesh): Peer {
  if (!facts) return { status: 'none' }
  const { certificate, chain } = facts
  const [from, to] = [certificate.validFromDate, certificate.validToDate]
  if (nowMs >= to.getTime()) return refused('expired', `the certificate expired at ${to.toISOString()}`)
  if (nowMs < from.getTime())
    return refused('not-yet-valid', `the certificate is not valid before ${from.toISOString()}`)
  if (!chain.holds) return refused('untrusted', `the certificate leads to no trusted root (${chain.problem})`)
  // One name and no other: a second one would let two services be meant.
  const id = /^URI:(spiffe:\/\/[^\s,"]+)$/.exec(certificate.subjectAltName ?? '')?.[1]
  const named = id === undefined || certificate.ca ? undefined : serviceOfSpiffeId(id)
  if (!named)
    return refused(
      'no-identity',
      `the certificate names no service of a mesh (${certificate.subjectAltName ?? 'nothing'})`,
    )
  if (named.trustDomain !== home.trustDomain || named.dc !== home.dc)
    return refused('foreign-mesh', `the certificate is for ${id}, another mesh than ${home.trustDomain}, ${home.dc}`)
  return { status: 'proved', service: named.service, serial: certificate.serialNumber.toLowerCase() }
}

function refused(why: Extract<Peer, { status: 'refused' }>['why'], reason: string): Peer {
  return { status: 'refused', why, reason }
}
