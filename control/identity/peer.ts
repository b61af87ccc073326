import { COLLECTOR, memberOfSpiffeId } from '../../protocol/identity.ts'
import { type EndGrace, judgeCertificate, type PeerFacts, type PeerRefusal } from '../../runtime/peer-certificate.ts'

/** Which service of the mesh the other end is, or COLLECTOR, by its certificate, at this moment. */
export type Peer =
  | { status: 'none' }
  | { status: 'proved'; service: string; serial: string }
  | { status: 'refused'; why: PeerRefusal | 'foreign-mesh'; reason: string }

export interface HomeMesh {
  trustDomain: string
  dc: string
}

export function judgePeer(facts: PeerFacts | undefined, nowMs: number, home: HomeMesh, grace?: EndGrace): Peer {
  const judged = judgeCertificate(facts, nowMs, grace)
  if (judged.status !== 'proved') return judged
  const { uri, hosts, serial } = judged
  const named = memberOfSpiffeId(uri)
  if (!named || (hosts && named.member !== COLLECTOR))
    return {
      status: 'refused',
      why: 'no-identity',
      reason: `the certificate names no service and no collector of a mesh, or hosts beside a service (${uri})`,
    }
  const { trustDomain, dc = home.dc, member } = named
  if (trustDomain === home.trustDomain && dc === home.dc) return { status: 'proved', service: member, serial }
  const reason = `the certificate is for ${uri}, another mesh than ${home.trustDomain}, ${home.dc}`
  return { status: 'refused', why: 'foreign-mesh', reason }
}
