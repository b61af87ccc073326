import type { X509Certificate } from 'node:crypto'
import { COLLECTOR_AUDIENCE, controlSpiffeId, serviceOfSpiffeId, trustDomainOf } from '../../protocol/identity.ts'
import { checkProof } from '../../runtime/certificate-proof.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Roots } from './roots.ts'

/** Who sends, by what was proved. */
export type Sender =
  | { status: 'proven'; who: { service: string } | 'control' }
  /** 401: no proof, or none that holds. 503: nothing to check it with yet. */
  | { status: 'refused'; code: 401 | 503; reason: string }

/** Checks who sends reports and decisions. */
export interface Reporters {
  /** `authorization`: the header field as it came. */
  check(authorization: string | undefined): Promise<Sender>
}

/** Every sender must prove by a certificate of the mesh who it is. */
export function reporters(roots: Roots, clock: Clock): Reporters {
  return {
    async check(authorization) {
      const proof = /^Bearer ([\w.-]+)$/i.exec(authorization ?? '')?.[1]
      if (proof === undefined)
        return refused(
          401,
          'no proof came along: only proxies with a certificate of this mesh may report, so give the proxy a join token and the https address of control',
        )
      if (roots.current.length === 0) await roots.refresh()
      if (roots.current.length === 0) return refused(503, roots.problem)
      let checked = await checkProof(proof, COLLECTOR_AUDIENCE, roots.current, clock.wall())
      if (checked.status === 'refused' && checked.why === 'untrusted') {
        // The root may be newer than what was heard of roots.
        await roots.refresh()
        checked = await checkProof(proof, COLLECTOR_AUDIENCE, roots.current, clock.wall())
      }
      return checked.status === 'refused' ? refused(401, checked.reason) : whoIs(checked.leaf)
    },
  }
}

function whoIs({ subjectAltName, ca }: X509Certificate): Sender {
  const ids = (subjectAltName ?? '').split(', ').filter(name => name.startsWith('URI:'))
  const id = ids.length === 1 && !ca && !subjectAltName!.includes('"') ? ids[0]!.slice('URI:'.length) : ''
  const named = serviceOfSpiffeId(id)
  if (named !== undefined) return { status: 'proven', who: { service: named.service } }
  const domain = trustDomainOf(id)
  if (domain !== undefined && id === controlSpiffeId(domain)) return { status: 'proven', who: 'control' }
  return refused(401, `the certificate of the proof names nobody of a mesh (${subjectAltName ?? 'nothing'})`)
}

function refused(code: 401 | 503, reason: string): Sender {
  return { status: 'refused', code, reason }
}
