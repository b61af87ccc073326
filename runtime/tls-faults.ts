/** Every way in which a TLS connection fails to come about: the bounded set of words that metrics count it under, and a sentence for people. */

export const tlsFaults = [
  'no_certificate',
  'expired',
  'not_yet_valid',
  'unknown_issuer',
  'self_signed',
  'bad_chain',
  'weak_key',
  'ca_certificate',
  'no_spiffe_id',
  'several_spiffe_ids',
  'no_service_id',
  'other_trust_domain',
  'wrong_identity',
  'plain_text',
  'protocol',
  'refused_by_peer',
  'no_own_certificate',
  'timeout',
  'overflow',
  'broken_off',
] as const
export type TlsFault = (typeof tlsFaults)[number]

/** A certificate that does not prove what it should. */
export class TlsRefusal extends Error {
  readonly fault: TlsFault

  constructor(fault: TlsFault, message: string) {
    super(message)
    this.fault = fault
  }
}

/** Of what OpenSSL says of a chain (X509_V_ERR_*, as Node names it). */
const faultOfVerification: Readonly<Record<string, TlsFault>> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not_yet_valid',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self_signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'unknown_issuer',
  UNABLE_TO_GET_ISSUER_CERT: 'unknown_issuer',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown_issuer',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown_issuer',
  CERT_UNTRUSTED: 'unknown_issuer',
  EE_KEY_TOO_SMALL: 'weak_key',
  CA_KEY_TOO_SMALL: 'weak_key',
  CA_MD_TOO_WEAK: 'weak_key',
  UNABLE_TO_GET_CRL: 'bad_chain',
  CERT_SIGNATURE_FAILURE: 'bad_chain',
  INVALID_CA: 'bad_chain',
  INVALID_PURPOSE: 'bad_chain',
  PATH_LENGTH_EXCEEDED: 'bad_chain',
  CERT_CHAIN_TOO_LONG: 'bad_chain',
}

const sentences: Partial<Record<TlsFault, string>> = {
  expired: 'the certificate has expired',
  not_yet_valid: 'the certificate is not valid yet: do the clocks agree?',
  unknown_issuer: 'the certificate does not come from a root that is trusted here',
  self_signed: 'the certificate is self-signed',
  bad_chain: 'the chain of certificates does not hold',
  weak_key: 'a key or signature in the chain is too weak',
  no_certificate: 'no certificate was shown',
  plain_text: 'the far end does not speak TLS: is mtls off there, or has its proxy no certificate?',
  refused_by_peer: 'the far end refused the handshake',
}

/** The word for an error code of a chain's verification; undefined: no such code. */
export function faultOfChain(code: string): TlsFault | undefined {
  return faultOfVerification[code]
}

export function sentenceOfFault(fault: TlsFault): string {
  return sentences[fault] ?? 'TLS failed'
}

/** The word for whatever ended a handshake. */
export function faultOf(error: Error & { code?: string }): TlsFault {
  if (error instanceof TlsRefusal) return error.fault
  const code = error.code ?? ''
  const ofChain = faultOfVerification[code]
  if (ofChain !== undefined) return ofChain
  // What Node has no name for (X509_V_ERR_EE_KEY_TOO_SMALL and its like) it tells in words alone.
  if (code === 'UNSPECIFIED') return /too weak/.test(error.message) ? 'weak_key' : 'bad_chain'
  if (code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') return 'no_certificate'
  if (/HTTP_REQUEST|WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/.test(code)) return 'plain_text'
  if (/TOO_SMALL|TOO_WEAK/.test(code)) return 'weak_key'
  if (/ALERT/.test(code)) return 'refused_by_peer'
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return 'protocol'
  return 'broken_off'
}

/** What happened, for people; OpenSSL's own words where they say more. */
export function sentenceOf(error: Error & { code?: string }): string {
  if (error instanceof TlsRefusal) return error.message
  const code = error.code ?? ''
  const isTls =
    faultOfVerification[code] !== undefined ||
    code.startsWith('ERR_SSL_') ||
    code === 'EPROTO' ||
    code === 'UNSPECIFIED'
  if (!isTls) return error.message
  const fault = faultOf(error)
  const told = sentenceOfFault(fault)
  return fault === 'refused_by_peer' || sentences[fault] === undefined ? `${told} (${shortCode(error)})` : told
}

/** ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: `tlsv13 alert certificate required`. */
function shortCode({ code, message }: Error & { code?: string }): string {
  return code?.startsWith('ERR_SSL_') === true
    ? code.slice('ERR_SSL_'.length).replaceAll('_', ' ').toLowerCase()
    : message
}
