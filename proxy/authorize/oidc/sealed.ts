import { hkdfSync } from 'node:crypto'
import { jose } from '../jwt/jose.ts'

/** Puts small things into cookies that nobody but this gateway can read or write: JWE, `dir` with A256GCM (RFC 7518, 4.5 and 5.3). */
export interface Seals {
  /** `purpose` keeps one kind of cookie from passing for another. Lasts until `endMs` (wall clock). */
  seal(purpose: string, value: Record<string, unknown>, endMs: number): Promise<string>
  /** What was sealed for this purpose; undefined when it was not, or its time is over. */
  open(purpose: string, sealed: string, nowMs: number): Promise<Sealed | undefined>
}

export interface Sealed {
  value: Record<string, unknown>
  endMs: number
}

const SEALED_LENGTH_MAX = 8192

/** Keys are derived from the client's secret: gateways that share it share sessions, and a new secret ends all of them. */
export function sealsOf(secret: string, realm: string): Seals {
  const key = new Uint8Array(hkdfSync('sha256', secret, 'trimtab', `oidc cookies of ${realm}`, 32))
  return {
    async seal(purpose, value, endMs) {
      const { EncryptJWT } = await jose()
      return new EncryptJWT({ v: value })
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .setAudience(purpose)
        .setExpirationTime(Math.floor(endMs / 1000))
        .encrypt(key)
    },
    async open(purpose, sealed, nowMs) {
      if (sealed.length > SEALED_LENGTH_MAX) return undefined
      const { errors, jwtDecrypt } = await jose()
      try {
        const { payload } = await jwtDecrypt(sealed, key, {
          audience: purpose,
          currentDate: new Date(nowMs),
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
          requiredClaims: ['exp'],
        })
        return { value: payload['v'] as Record<string, unknown>, endMs: payload.exp! * 1000 }
      } catch (error) {
        if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined
        throw error
      }
    },
  }
}
