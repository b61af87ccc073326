import type { X509Certificate } from 'node:crypto'
import { serviceOfSpiffeId } from '../protocol/identity.ts'
import type { TlsFault } from '../runtime/tls-faults.ts'

/** Who the far end is by its certificate, or why it is nobody. */
export type PeerVerdict =
  | { status: 'ok'; spiffeId: string; service: string }
  | { status: 'refused'; fault: TlsFault; detail: string }

const curves = ['prime256v1', 'secp384r1', 'secp521r1']
const RSA_BITS_MIN = 2048

/**
 * Judges a leaf whose chain TLS has verified already: its validity now (a resumed session carries a certificate that was verified when the
 * session began), no authority, a strong key, and exactly one URI among its names (X509-SVID, 2), the id of a service of `trustDomain`.
 */
export function judgePeer(certificate: X509Certificate, trustDomain: string, nowMs: number): PeerVerdict {
  const refusal = whyUnfit(certificate, nowMs)
  if (refusal !== undefined) return refusal
  const ids = uriNames(certificate.subjectAltName)
  if (ids.length === 0) return refused('no_spiffe_id', 'its certificate names no SPIFFE id')
  if (ids.length > 1)
    return refused('several_spiffe_ids', `its certificate names ${ids.length} URIs, a SPIFFE certificate has one`)
  const id = ids[0]!
  const found = serviceOfSpiffeId(id)
  if (found === undefined)
    return refused('no_service_id', `its certificate says ${shown(id)}, which is no service's SPIFFE id`)
  if (found.trustDomain !== trustDomain)
    return refused(
      'other_trust_domain',
      `its certificate says ${shown(id)}, which is not of trust domain ${trustDomain}`,
    )
  return { status: 'ok', spiffeId: id, service: found.service }
}

/** What is wrong with a leaf whatever its name; undefined: nothing. */
export function whyUnfit(
  certificate: X509Certificate,
  nowMs: number,
): Extract<PeerVerdict, { status: 'refused' }> | undefined {
  if (nowMs > certificate.validToDate.getTime())
    return refused('expired', `its certificate has expired at ${certificate.validToDate.toISOString()}`)
  if (nowMs < certificate.validFromDate.getTime())
    return refused('not_yet_valid', `its certificate is not valid before ${certificate.validFromDate.toISOString()}`)
  if (certificate.ca)
    return refused('ca_certificate', "its certificate is an authority's, which may sign but not speak")
  if (!hasStrongKey(certificate)) return refused('weak_key', 'the key of its certificate is too weak')
  return undefined
}

function hasStrongKey({ publicKey }: X509Certificate): boolean {
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = publicKey
  if (kind === 'ec') return curves.includes(details?.namedCurve ?? '')
  if (kind === 'rsa' || kind === 'rsa-pss') return (details?.modulusLength ?? 0) >= RSA_BITS_MIN
  return kind === 'ed25519' || kind === 'ed448'
}

/**
 * The URIs of a subjectAltName as Node writes it: `URI:spiffe://a/b, DNS:c`. A name with characters that could feign another entry is quoted
 * there; no SPIFFE id needs that, so one such name makes the whole count as none.
 */
export function uriNames(subjectAltName: string | undefined): string[] {
  if (subjectAltName === undefined || subjectAltName.includes('"')) return []
  return subjectAltName
    .split(', ')
    .filter(name => name.startsWith('URI:'))
    .map(name => name.slice('URI:'.length))
}

function shown(id: string): string {
  return id.length > 200 ? `${id.slice(0, 200)}...` : id
}

function refused(fault: TlsFault, detail: string): Extract<PeerVerdict, { status: 'refused' }> {
  return { status: 'refused', fault, detail }
}
