import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import type { JwtProvider } from '../../protocol/intentions.ts'

/** Somebody who issues tokens: one key, and what goes into a token unless a test says otherwise. */
export interface Issuer {
  jwk: JWK
  /** The text of a JWKS document with this key. */
  jwks: string
  token(claims?: Record<string, unknown>, header?: { kid?: string; typ?: string }): Promise<string>
}

export const ISSUER = 'https://login.example'
export const AUDIENCE = 'expense'

export async function issuerOf(kid = 'k1', algorithm = 'ES256', wallMs: () => number = Date.now): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid }
  return {
    jwk,
    jwks: JSON.stringify({ keys: [jwk] }),
    async token(claims = {}, header = {}) {
      const seconds = Math.floor(wallMs() / 1000)
      const payload = { iss: ISSUER, aud: AUDIENCE, exp: seconds + 300, ...claims }
      return new SignJWT(payload).setProtectedHeader({ alg: algorithm, kid, ...header }).sign(privateKey)
    },
  }
}

export function providerOf(change: Partial<JwtProvider> = {}): JwtProvider {
  return {
    issuer: ISSUER,
    audiences: [AUDIENCE],
    clockSkewMs: 30_000,
    header: 'authorization',
    forward: {},
    ...change,
  }
}
