/** What a token's payload says. */
export type Claims = Readonly<Record<string, unknown>>

/** Why a token that is there is not taken. The words stand in answers (`token-expired`), metrics and logs. */
export type TokenProblem =
  | 'malformed'
  | 'algorithm'
  | 'unknown-key'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'no-expiry'
  | 'not-yet-valid'

/** What a request's token of one provider comes to. `detail` is for the token's bearer: it names no key and no other claim. */
export type TokenVerdict =
  | { status: 'valid'; claims: Claims }
  | { status: 'missing'; detail: string }
  | { status: 'invalid'; problem: TokenProblem; detail: string }
  /** It could not be judged: there are no keys. */
  | { status: 'unavailable'; detail: string }

export function invalid(problem: TokenProblem, detail: string): TokenVerdict {
  return { status: 'invalid', problem, detail }
}
