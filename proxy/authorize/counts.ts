// Hot path: added to once per request.
import type { TokenVerdict } from './jwt/token-verdict.ts'
import type { Decided } from './verdict.ts'

/** How often an intention decided, or would have. */
export interface IntentionCount {
  intention: string
  action: 'allow' | 'deny'
  dryRun: boolean
  requests: number
}

export interface TokenCount {
  provider: string
  /** valid, missing, unavailable, or what is wrong with it. */
  outcome: string
  tokens: number
}

/** What authorization counts, as plain fields, read by metrics. Bounded: past the bound everything counts under `overflow`. */
export interface AuthorizationCounts {
  decided(decided: Decided): void
  token(provider: string, verdict: TokenVerdict): void
  readonly intentions: Iterable<IntentionCount>
  readonly tokens: Iterable<TokenCount>
  /** Requests that were refused because no intentions are known. */
  unknown: number
  /** Requests that wait for a token to be verified now. */
  waiting: number
  /** Requests refused because too many waited. */
  waitingOverflow: number
}

const KEYS_MAX = 5000

export function authorizationCounts(): AuthorizationCounts {
  const intentions = { enforced: new Map<string, IntentionCount>(), dryRun: new Map<string, IntentionCount>() }
  const tokens = new Map<string, TokenCount>()
  const count = (by: Map<string, IntentionCount>, name: string, action: 'allow' | 'deny', dryRun: boolean): void => {
    const known = by.get(name)
    // A rule may change its action and keep its name.
    if (known?.action === action) known.requests++
    else if (known === undefined && by.size < KEYS_MAX) by.set(name, { intention: name, action, dryRun, requests: 1 })
    else if (name.endsWith(` ${action}`)) return
    else count(by, `${known === undefined ? 'overflow' : name} ${action}`, action, dryRun)
  }
  return {
    unknown: 0,
    waiting: 0,
    waitingOverflow: 0,
    decided({ intention, verdict, dryRun }) {
      count(intentions.enforced, intention, verdict, false)
      for (const rule of dryRun) count(intentions.dryRun, rule.name, rule.action, true)
    },
    token(provider, verdict) {
      const outcome = verdict.status === 'invalid' ? verdict.problem : verdict.status
      const key = `${provider} ${outcome}`
      const known = tokens.get(key)
      if (known !== undefined) known.tokens++
      else if (tokens.size < KEYS_MAX) tokens.set(key, { provider, outcome, tokens: 1 })
    },
    get intentions() {
      return [...intentions.enforced.values(), ...intentions.dryRun.values()]
    },
    get tokens() {
      return tokens.values()
    },
  }
}
