import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/**
 * What the certificate of the other end proves, at this moment: the one URI that it names. `hosts`: beside it the certificate names hosts,
 * which only those have that other programs than ours ask, too.
 */
export type PeerCertificate =
  | { status: 'none' }
  | { status: 'proved'; uri: string; hosts: boolean; serial: string }
  | { status: 'refused'; why: PeerRefusal; reason: string }

export type PeerRefusal = 'untrusted' | 'expired' | 'not-yet-valid' | 'no-identity'

export interface PeerFacts {
  /** OpenSSL followed the chain to a trusted root, when the connection began; else its word for what was wrong. */
  chain: { holds: true } | { holds: false; problem: string }
  certificate: Pick<X509Certificate, 'subjectAltName' | 'ca' | 'validFromDate' | 'validToDate' | 'serialNumber' | 'raw'>
}

/** How long after its end a certificate is still proof, and whether one was signed by what we trust. */
export interface EndGrace {
  ms: number
  issuedHere: boolean
}

/** The certificate that the other end of a TLS connection showed; undefined when it showed none, or speaks clear text. */
export function peerFacts(socket: Socket): PeerFacts | undefined {
  if (!(socket instanceof TLSSocket)) return undefined
  const certificate = socket.getPeerX509Certificate()
  if (!certificate) return undefined
  const problem = String(socket.authorizationError ?? 'its chain does not hold')
  return { certificate, chain: socket.authorized ? { holds: true } : { holds: false, problem } }
}

/**
 * Judges what was shown. The clock is asked each time: a connection may outlive the certificate that it began with. With a grace an
 * expired one is proof, too: then OpenSSL's word on the chain counts for nothing, for of several problems it tells the last.
 */
export function judgeCertificate(facts: PeerFacts | undefined, nowMs: number, grace?: EndGrace): PeerCertificate {
  if (!facts) return { status: 'none' }
  const { certificate, chain } = facts
  const [from, to] = [certificate.validFromDate, certificate.validToDate]
  const isLate = nowMs >= to.getTime()
  const isForgiven = isLate && grace?.issuedHere === true && nowMs < to.getTime() + grace.ms
  if (isLate && !isForgiven) return refused('expired', `the certificate expired at ${to.toISOString()}`)
  if (nowMs < from.getTime())
    return refused('not-yet-valid', `the certificate is not valid before ${from.toISOString()}`)
  if (!chain.holds && !isForgiven)
    return refused('untrusted', `the certificate leads to no trusted root (${chain.problem})`)
  const { uri, hosts } = namesOf(certificate.subjectAltName ?? '')
  if (uri === undefined || certificate.ca)
    return refused(
      'no-identity',
      `the certificate names nobody, or several (${certificate.subjectAltName ?? 'nothing'})`,
    )
  return { status: 'proved', uri, hosts, serial: certificate.serialNumber.toLowerCase() }
}

/**
 * One URI and no other: a second one would let two be meant. `text` as Node writes it: a name with characters that could feign another
 * entry is quoted there, and makes the whole count as nothing.
 */
function namesOf(text: string): { uri: string | undefined; hosts: boolean } {
  const names = text.split(', ')
  const uris = names.flatMap(name => /^URI:([^\s,"]+)$/.exec(name)?.[1] ?? [])
  const hosts = names.filter(name => /^(DNS|IP Address):[^\s,"]+$/.test(name)).length
  return { uri: uris.length === 1 && uris.length + hosts === names.length ? uris[0] : undefined, hosts: hosts > 0 }
}

function refused(why: PeerRefusal, reason: string): PeerCertificate {
  return { status: 'refused', why, reason }
}
