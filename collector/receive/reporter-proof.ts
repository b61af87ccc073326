import type { Socket } from 'node:net'
import { serviceOfSpiffeId, type TrustedRoots } from '../../protocol/identity.ts'
import type { ReportHello } from '../../protocol/report.ts'
import { judgeCertificate, peerFacts } from '../../runtime/peer-certificate.ts'

/** Why a proxy may not report as what it says it is; undefined: it may. */
export type ReporterCheck = (socket: Socket, hello: Pick<ReportHello, 'service'>) => string | undefined

/** Without roots to follow a certificate to, everybody is believed. */
export const everybody: ReporterCheck = () => undefined

/** A proxy reports for the service of its certificate, and for no other. */
export function provedReporter(home: () => TrustedRoots | undefined, wall: () => number): ReporterCheck {
  return (socket, { service }) => {
    const mesh = home()
    if (!mesh) return 'the roots of the mesh are not known here yet: come again'
    const judged = judgeCertificate(peerFacts(socket), wall())
    if (judged.status === 'none')
      return 'no certificate was shown: reports are taken over TLS here, with the certificate of the mesh'
    if (judged.status === 'refused') return judged.reason
    const named = serviceOfSpiffeId(judged.uri)
    const isHome = named?.trustDomain === mesh.trustDomain && named.dc === mesh.dc
    return isHome && named.service === service ? undefined : `the certificate is for ${judged.uri}, not for ${service}`
  }
}
