import type { CryptoKey } from 'jose'
import type { JwtProvider } from '../../../protocol/intentions.ts'
import { jose } from './jose.ts'
import { candidatesOf, type KeySet, knownAlgorithms } from './key-set.ts'
import { type Claims, invalid, type TokenVerdict } from './token-verdict.ts'

/** A token whose signature, issuer and audience hold: only time can still speak against it. */
export interface SignedToken {
  status: 'signed'
  claims: Claims
}

/**
 * Judges a token but for its times (RFC 7519, 7.2). The algorithm is bound to the key: what the token says of itself only chooses among the
 * keys whose kind it fits, so a public key can never pass for a shared secret.
 */
export async function verifyToken(
  token: string,
  provider: Pick<JwtProvider, 'issuer' | 'audiences'>,
  keySet: KeySet,
): Promise<SignedToken | TokenVerdict> {
  const header = await headerOf(token)
  if (header === undefined) return invalid('malformed', 'the token has no header that can be read')
  const { alg, kid } = header
  if (alg === undefined || !knownAlgorithms.has(alg))
    return invalid('algorithm', 'the token is signed with an algorithm that is not taken')
  const candidates = candidatesOf(keySet, alg, kid)
  if (candidates.length === 0)
    return invalid('unknown-key', 'the token is signed with a key that its issuer does not list')
  for (const key of candidates) {
    const payload = await payloadSignedBy(token, key, alg)
    if (payload !== undefined) return judged(payload, provider)
  }
  return invalid('signature', 'the signature of the token does not hold')
}

async function headerOf(token: string): Promise<{ alg: string | undefined; kid: string | undefined } | undefined> {
  const { decodeProtectedHeader } = await jose()
  try {
    const { alg, kid } = decodeProtectedHeader(token)
    return { alg: typeof alg === 'string' ? alg : undefined, kid: typeof kid === 'string' ? kid : undefined }
  } catch {
    return undefined
  }
}

async function payloadSignedBy(token: string, key: CryptoKey, algorithm: string): Promise<Uint8Array | undefined> {
  const { compactVerify, errors } = await jose()
  try {
    return (await compactVerify(token, key, { algorithms: [algorithm] })).payload
  } catch (error) {
    // Anything that jose has to say of the token (RFC 7515, 5.2) counts as a signature that does not hold; what else throws is a bug.
    if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined
    throw error
  }
}

function judged(
  payload: Uint8Array,
  { issuer, audiences }: Pick<JwtProvider, 'issuer' | 'audiences'>,
): SignedToken | TokenVerdict {
  const claims = claimsOf(payload)
  if (claims === undefined) return invalid('malformed', 'the payload of the token is no JSON object')
  if (claims['iss'] !== issuer) return invalid('issuer', 'the token comes from another issuer')
  const named = Array.isArray(claims['aud']) ? (claims['aud'] as unknown[]) : [claims['aud']]
  if (!named.some(audience => typeof audience === 'string' && audiences.includes(audience)))
    return invalid('audience', 'the token is meant for another audience')
  return { status: 'signed', claims }
}

function claimsOf(payload: Uint8Array): Claims | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : undefined
  } catch {
    return undefined
  }
}
