import { COLLECTOR_AUDIENCE, controlSpiffeId, serviceOfSpiffeId, trustDomainOf } from '../../protocol/identity.ts'
import { checkProof } from '../../runtime/certificate-proof.ts'
import type { Clock } from '../../runtime/clock.ts'
import { judgeCertificate, type PeerFacts } from '../../runtime/peer-certificate.ts'
import type { Roots } from './roots.ts'

/** Who sends, by what was proved. */
export type Sender =
  | { status: 'proven'; who: { service: string } | 'control' }
  /** 401: no proof, or none that holds. 503: nothing to check it with yet. */
  | { status: 'refused'; code: 401 | 503; reason: string }

/** Checks who sends reports and decisions. */
export interface Reporters {
  /** `authorization`: the header field as it came. `peer`: what was shown in a TLS handshake, undefined where nothing was. */
  check(authorization: string | undefined, peer: PeerFacts | undefined): Promise<Sender>
}

/** Every sender must prove by a certificate of the mesh who it is: in the handshake, or by a signature where there was none. */
export function reporters(roots: Roots, clock: Clock): Reporters {
  const byProof = async (proof: string): Promise<Sender> => {
    if (roots.current.length === 0) await roots.refresh()
    if (roots.current.length === 0) return refused(503, roots.problem)
    let checked = await checkProof(proof, COLLECTOR_AUDIENCE, roots.current, clock.wall())
    if (checked.status === 'refused' && checked.why === 'untrusted') {
      // The root may be newer than what was heard of roots.
      await roots.refresh()
      checked = await checkProof(proof, COLLECTOR_AUDIENCE, roots.current, clock.wall())
    }
    return checked.status === 'refused' ? refused(401, checked.reason) : whoIs(uriOf(checked.leaf))
  }
  return {
    async check(authorization, peer) {
      const proof = /^Bearer ([\w.-]+)$/i.exec(authorization ?? '')?.[1]
      if (proof !== undefined) return await byProof(proof)
      const judged = judgeCertificate(peer, clock.wall())
      if (judged.status === 'proved') return whoIs(judged.uri)
      if (judged.status === 'none')
        return refused(
          401,
          'no proof came along: only proxies with a certificate of this mesh may report, so give the proxy a join token and the https address of control',
        )
      // The handshake was judged by what was heard of roots then; the next one by what is heard now.
      if (judged.why === 'untrusted') await roots.refresh()
      return refused(401, judged.reason)
    },
  }
}

function uriOf({ subjectAltName, ca }: { subjectAltName?: string | undefined; ca: boolean }): string {
  const ids = (subjectAltName ?? '').split(', ').filter(name => name.startsWith('URI:'))
  return ids.length === 1 && !ca && !subjectAltName!.includes('"') ? ids[0]!.slice('URI:'.length) : ''
}

function whoIs(id: string): Sender {
  const named = serviceOfSpiffeId(id)
  if (named !== undefined) return { status: 'proven', who: { service: named.service } }
  const domain = trustDomainOf(id)
  if (domain !== undefined && id === controlSpiffeId(domain)) return { status: 'proven', who: 'control' }
  return refused(401, `the certificate names neither a service of a mesh nor control (${id || 'nobody, or several'})`)
}

function refused(code: 401 | 503, reason: string): Sender {
  return { status: 'refused', code, reason }
}
