import { X509Certificate } from 'node:crypto'
import { type CertificateShape, envoyCertificate } from '../../protocol/envoy/tls.ts'
import type { AdminView, CertificateView } from './view.ts'

const onePem = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g

/** GET /certs: what this proxy shows to others and what it trusts, as Envoy's admin.v3.Certificates. */
export function certs(view: AdminView): unknown {
  const nowMs = view.clock.wall()
  const details = ({ pem, path }: { pem: string; path: string }) =>
    (pem.match(onePem) ?? []).map(one => envoyCertificate(shapeOf(one, path), nowMs))
  return {
    certificates: view.certificates().map(({ chainPem, roots, path }: CertificateView) => ({
      ca_cert: roots.flatMap(pem => details({ pem, path })),
      cert_chain: details({ pem: chainPem, path }),
    })),
  }
}

function shapeOf(pem: string, path: string): CertificateShape {
  const { serialNumber, subjectAltName = '', validFromDate, validToDate } = new X509Certificate(pem)
  const names = subjectAltName.split(', ')
  const of = (kind: string) => names.filter(name => name.startsWith(kind)).map(name => name.slice(kind.length))
  return {
    path,
    serialNumber,
    uris: of('URI:'),
    dnsNames: of('DNS:'),
    validFromMs: validFromDate.getTime(),
    expirationMs: validToDate.getTime(),
  }
}
