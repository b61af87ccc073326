import type { CryptoKey, JWK } from 'jose'
import { jose } from './jose.ts'

/** The public keys of one token provider. */
export interface KeySet {
  keys: readonly VerifyingKey[]
  /** Keys of the document that no token is verified by: symmetric, weak, not for signatures, of unknown kinds. */
  ignored: number
}

interface VerifyingKey {
  kid: string | undefined
  /** By algorithm: a key verifies those of its own kind and no other, whatever a token says of itself. */
  byAlgorithm: ReadonlyMap<string, CryptoKey>
}

const KEYS_MAX = 100
/** Of keys that a token without a key id may be signed with, so many are tried. */
const CANDIDATES_MAX = 8
const RSA_BITS_MIN = 2048

/** Reads a JWKS document (RFC 7517, 5). A key that cannot be used is left out and counted; a document without any is bad. */
export async function readKeySet(
  text: string,
): Promise<{ status: 'ok'; keySet: KeySet } | { status: 'bad'; reason: string }> {
  let listed: unknown
  try {
    listed = (JSON.parse(text) as { keys?: unknown } | null)?.keys
  } catch (error) {
    return { status: 'bad', reason: `it is no JSON: ${(error as Error).message}` }
  }
  if (!Array.isArray(listed)) return { status: 'bad', reason: 'it has no list of keys' }
  if (listed.length > KEYS_MAX)
    return { status: 'bad', reason: `it lists ${listed.length} keys, ${KEYS_MAX} are allowed` }
  const keys: VerifyingKey[] = []
  for (const jwk of listed as (JWK | null)[]) {
    const key = await verifyingKey(jwk)
    if (key !== undefined) keys.push(key)
  }
  if (keys.length === 0) return { status: 'bad', reason: 'it holds no key that tokens can be verified by' }
  return { status: 'ok', keySet: { keys, ignored: listed.length - keys.length } }
}

/** The keys that a token may be signed with by what its header says; none: its key is unknown. */
export function candidatesOf({ keys }: KeySet, algorithm: string, kid: string | undefined): CryptoKey[] {
  return keys
    .filter(key => kid === undefined || key.kid === kid)
    .flatMap(({ byAlgorithm }) => byAlgorithm.get(algorithm) ?? [])
    .slice(0, CANDIDATES_MAX)
}

/** Which algorithms a key is for (RFC 7518, 3.1; RFC 8037). Nothing symmetric: whoever checks such a token could write one. */
function algorithmsOf({ kty, crv }: JWK): string[] {
  if (kty === 'RSA') return ['RS256', 'PS256']
  if (kty === 'EC') return crv === 'P-256' ? ['ES256'] : crv === 'P-384' ? ['ES384'] : []
  return kty === 'OKP' && crv === 'Ed25519' ? ['EdDSA', 'Ed25519'] : []
}

/** What a token may say that it is signed with. */
export const knownAlgorithms: ReadonlySet<string> = new Set(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'])

async function verifyingKey(jwk: JWK | null): Promise<VerifyingKey | undefined> {
  if (typeof jwk !== 'object' || jwk === null || jwk.d !== undefined) return undefined
  if (jwk.use !== undefined && jwk.use !== 'sig') return undefined
  if (jwk.key_ops !== undefined && !(Array.isArray(jwk.key_ops) && jwk.key_ops.includes('verify'))) return undefined
  const own = algorithmsOf(jwk)
  const algorithms = jwk.alg === undefined ? own : own.filter(algorithm => algorithm === jwk.alg)
  const byAlgorithm = new Map<string, CryptoKey>()
  for (const algorithm of algorithms) {
    const key = await imported(jwk, algorithm)
    if (key !== undefined) byAlgorithm.set(algorithm, key)
  }
  if (byAlgorithm.size === 0) return undefined
  return { kid: typeof jwk.kid === 'string' ? jwk.kid : undefined, byAlgorithm }
}

async function imported(jwk: JWK, algorithm: string): Promise<CryptoKey | undefined> {
  try {
    const { importJWK } = await jose()
    const key = await importJWK({ ...jwk, key_ops: ['verify'], ext: true }, algorithm)
    if (key instanceof Uint8Array) return undefined
    const { modulusLength } = key.algorithm as { modulusLength?: number }
    return modulusLength !== undefined && modulusLength < RSA_BITS_MIN ? undefined : key
  } catch {
    return undefined
  }
}
