import { createHash, timingSafeEqual } from 'node:crypto'
import { COLLECTOR } from '../../protocol/identity.ts'
import type { KeptToken } from '../state/identity-store.ts'

/** Tokens: what they look like, and whether one is taken. Pure. */

/** A person's token is `<id>.<secret>`; a join token has the pin behind (protocol/identity.ts). */
export interface Presented {
  id: string
  secret: string
  /** What kind its shape says it is. */
  shape: 'person' | 'join'
}

const presentedShape = /^([A-Za-z0-9_-]{8,32})\.([A-Za-z0-9_-]{43})(\.[A-Za-z0-9_-]{43})?$/
/** Longer than any token: nothing of that length is looked at. */
const HEADER_MAX = 256

/** Reads `authorization: Bearer <token>` (RFC 6750 section 2.1). Undefined: there is none. `malformed`: it is no token of ours. */
export function readAuthorization(header: string | undefined): Presented | 'malformed' | undefined {
  if (header === undefined) return undefined
  if (header.length > HEADER_MAX) return 'malformed'
  const found = /^Bearer +(\S+) *$/i.exec(header)
  const parts = found && presentedShape.exec(found[1]!)
  if (!parts) return 'malformed'
  return { id: parts[1]!, secret: parts[2]!, shape: parts[3] === undefined ? 'person' : 'join' }
}

export function writePersonToken(id: string, secret: string): string {
  return `${id}.${secret}`
}

/** Of 256 random bits a plain hash is enough: there is nothing to guess. */
export function hashOfSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

export type TokenRefusal = 'unknown-token' | 'expired-token' | 'used-token' | 'foreign-token' | 'wrong-kind'

export type TokenVerdict =
  | { status: 'taken'; token: KeptToken }
  | { status: 'refused'; why: TokenRefusal; reason: string }

/** An asker whose answer was lost may ask again with the same one-time token for the same key, this long. */
export const SAME_KEY_GRACE_MS = 120_000

const nobody = { hash: hashOfSecret('') }

/** Whether a token is what it says, and has not expired. Takes the same time whether it is unknown or its secret wrong. */
export function knowToken(found: KeptToken | undefined, { id, secret, shape }: Presented, nowMs: number): TokenVerdict {
  const fits = timingSafeEqual(Buffer.from((found ?? nobody).hash, 'hex'), Buffer.from(hashOfSecret(secret), 'hex'))
  if (found === undefined || !fits)
    return refused('unknown-token', `there is no token ${id} with this secret, or it was revoked`)
  if ((found.kind === 'join') !== (shape === 'join'))
    return refused(
      'wrong-kind',
      `token ${id} is ${found.kind === 'join' ? 'a join token without its pin' : 'a person’s, with a pin'}`,
    )
  if (found.expiresMs !== null && nowMs >= found.expiresMs)
    return refused('expired-token', `token ${id} expired at ${new Date(found.expiresMs).toISOString()}`)
  return { status: 'taken', token: found }
}

/** Whether a token that is known lets this service have a certificate for this key (SHA-256 of it, hex). */
export function judgeJoin(token: KeptToken, service: string, key: string, nowMs: number): TokenVerdict {
  const { id, kind, services, reusable, usedMs, usedKey } = token
  if (kind !== 'join') return refused('wrong-kind', `token ${id} is a person's: proxies join with a join token`)
  if (!fitsService(token, service))
    return refused(
      'foreign-token',
      `token ${id} is for ${services === '*' ? 'services and gateways' : services.join(', ')}, not for ${service}`,
    )
  if (reusable || usedMs === null) return { status: 'taken', token }
  if (usedKey === key && nowMs - usedMs <= SAME_KEY_GRACE_MS && nowMs >= usedMs - SAME_KEY_GRACE_MS)
    return { status: 'taken', token }
  return refused('used-token', `token ${id} was good for once, and was used at ${new Date(usedMs).toISOString()}`)
}

/** A token for any service or gateway is none for the collector, who hears of all of them. */
export function fitsService({ services }: Pick<KeptToken, 'services'>, service: string): boolean {
  return services === '*' ? service !== COLLECTOR : services.includes(service)
}

function refused(why: TokenRefusal, reason: string): TokenVerdict {
  return { status: 'refused', why, reason }
}
