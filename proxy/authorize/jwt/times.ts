// Hot path where a rule asks for tokens: asked at each request, also of tokens that are known.
import { type Claims, invalid, type TokenVerdict } from './token-verdict.ts'

/**
 * Judges the times of a token (RFC 7519, 4.1.4 to 4.1.6), in seconds since 1970. One without `exp` would be good for ever and is refused; so
 * is one that says that it is issued in the future.
 */
export function judgeTimes(claims: Claims, nowMs: number, clockSkewMs: number): TokenVerdict {
  const { exp, nbf, iat } = claims
  if (typeof exp !== 'number' || !Number.isFinite(exp))
    return invalid('no-expiry', 'the token says no time at which it ends')
  if (nowMs >= exp * 1000 + clockSkewMs) return invalid('expired', 'the token is expired')
  for (const moment of [nbf, iat]) {
    if (moment === undefined) continue
    if (typeof moment !== 'number' || moment * 1000 > nowMs + clockSkewMs)
      return invalid('not-yet-valid', 'the token is not valid yet')
  }
  return { status: 'valid', claims }
}
