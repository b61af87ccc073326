import { createPrivateKey, X509Certificate } from 'node:crypto'
import { decodeProtectedHeader } from 'jose/decode/protected_header'
import { JOSEError } from 'jose/errors'
import { SignJWT } from 'jose/jwt/sign'
import { jwtVerify } from 'jose/jwt/verify'

/**
 * A proof of who sends something, where TLS does not carry it: a JWS made with the key of a certificate, which goes along in its header
 * (`x5c`, RFC 7515, 4.1.6). It is good for one audience and for a minute.
 */

const TYPE = 'certificate-proof+jwt'
const LIFETIME_S = 60
const SKEW_S = 60
/** Leaf, cross certificate, intermediate; more leads nowhere. */
const CHAIN_MAX = 4
/** Longer than any chain of that many certificates with sensible keys. */
const PROOF_CHARS_MAX = 32 * 1024
const ALGORITHMS = ['ES256', 'ES384', 'EdDSA', 'RS256'] as const

export interface Signer {
  /** PEM, leaf first; a root at its end does no harm. */
  chainPem: string
  keyPem: string
}

/** `wallMs`: now. Rejects when the key is of no kind that JWS knows. */
export async function proveByCertificate(
  { chainPem, keyPem }: Signer,
  audience: string,
  wallMs: number,
): Promise<string> {
  const key = createPrivateKey(keyPem)
  const x5c = certificatesIn(chainPem)
    .slice(0, CHAIN_MAX)
    .map(({ raw }) => raw.toString('base64'))
  const nowS = Math.floor(wallMs / 1000)
  return await new SignJWT({})
    .setProtectedHeader({
      alg: algorithmOf(key.asymmetricKeyType, key.asymmetricKeyDetails?.namedCurve),
      typ: TYPE,
      x5c,
    })
    .setAudience(audience)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + LIFETIME_S)
    .sign(key)
}

export type Proven =
  | { status: 'proven'; leaf: X509Certificate }
  /** `untrusted`: its chain leads to none of these roots, which may be out of date. */
  | { status: 'refused'; why: 'invalid' | 'untrusted'; reason: string }

/** Checks a proof against these roots (PEM). Whom the leaf names is for the caller to judge. */
export async function checkProof(
  proof: string,
  audience: string,
  roots: readonly string[],
  wallMs: number,
): Promise<Proven> {
  if (proof.length > PROOF_CHARS_MAX) return invalid(`the proof is longer than ${PROOF_CHARS_MAX} characters`)
  let chain: X509Certificate[]
  try {
    const { x5c } = decodeProtectedHeader(proof)
    if (!Array.isArray(x5c) || x5c.length === 0 || x5c.length > CHAIN_MAX)
      return invalid(`the proof carries no chain of 1 to ${CHAIN_MAX} certificates`)
    chain = x5c.map(text => new X509Certificate(Buffer.from(text, 'base64')))
  } catch (error) {
    return invalid(`the proof cannot be read: ${(error as Error).message}`)
  }
  const leaf = chain[0]!
  try {
    await jwtVerify(proof, leaf.publicKey, {
      algorithms: [...ALGORITHMS],
      audience,
      typ: TYPE,
      requiredClaims: ['iat', 'exp'],
      maxTokenAge: LIFETIME_S,
      clockTolerance: SKEW_S,
      currentDate: new Date(wallMs),
    })
  } catch (error) {
    if (error instanceof JOSEError) return invalid(`the proof does not hold: ${error.message}`)
    return invalid(`the proof cannot be checked: ${(error as Error).message}`)
  }
  const trusted = roots.map(pem => new X509Certificate(pem))
  return leadsTo(leaf, chain.slice(1), trusted, wallMs)
    ? { status: 'proven', leaf }
    : {
        status: 'refused',
        why: 'untrusted',
        reason: 'the certificate of the proof leads to no trusted root that is valid now',
      }
}

/** Each certificate of a PEM text, in its order. Throws when one cannot be read. */
export function certificatesIn(pem: string): X509Certificate[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return found.map(text => new X509Certificate(text))
}

/** Follows issuers (RFC 5280, 6.1, without policies and name constraints, which no mesh certificate has). */
function leadsTo(leaf: X509Certificate, between: X509Certificate[], roots: X509Certificate[], wallMs: number): boolean {
  let at = leaf
  for (let step = 0; step < CHAIN_MAX; step++) {
    if (!isValidAt(at, wallMs)) return false
    const root = roots.find(candidate => isIssuedBy(at, candidate))
    if (root !== undefined && isValidAt(root, wallMs)) return true
    const next = between.find(candidate => candidate !== at && isIssuedBy(at, candidate))
    if (next === undefined) return false
    at = next
  }
  return false
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

function isValidAt({ validFromDate, validToDate }: X509Certificate, wallMs: number): boolean {
  return wallMs >= validFromDate.getTime() && wallMs < validToDate.getTime()
}

function algorithmOf(kind: string | undefined, curve: string | undefined): (typeof ALGORITHMS)[number] {
  if (kind === 'ec') return curve === 'secp384r1' ? 'ES384' : 'ES256'
  return kind === 'ed25519' ? 'EdDSA' : 'RS256'
}

function invalid(reason: string): Proven {
  return { status: 'refused', why: 'invalid', reason }
}
