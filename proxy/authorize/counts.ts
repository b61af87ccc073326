// Hot path: added to once per request.
import type { TokenVerdict } from './jwt/token-verdict.ts'
import type { Decided } from './verdict.ts'

/** How often an intention decided, or would have. */
export interface IntentionCount {
  intention: string
  action: 'allow' | 'deny'
  dryRun: boolean
  /** Requests, and connections of a tcp service. */
  requests: number
  /** Of them, connections. */
  connections: number
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
  /** Of a connection. */
  connectionDecided(decided: Decided): void
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
  const countOf = (
    by: Map<string, IntentionCount>,
    name: string,
    action: 'allow' | 'deny',
    dryRun: boolean,
  ): IntentionCount | undefined => {
    const known = by.get(name)
    // A rule may change its action and keep its name.
    if (known?.action === action) return known
    if (known === undefined && by.size < KEYS_MAX) {
      const fresh = { intention: name, action, dryRun, requests: 0, connections: 0 }
      by.set(name, fresh)
      return fresh
    }
    if (name.endsWith(` ${action}`)) return undefined
    return countOf(by, `${known === undefined ? 'overflow' : name} ${action}`, action, dryRun)
  }
  const add = (count: IntentionCount | undefined, connections: 0 | 1): void => {
    if (count === undefined) return
    count.requests++
    count.connections += connections
  }
  const addDecided = ({ intention, verdict, dryRun }: Decided, connections: 0 | 1): void => {
    add(countOf(intentions.enforced, intention, verdict, false), connections)
    for (const rule of dryRun) add(countOf(intentions.dryRun, rule.name, rule.action, true), connections)
  }
  return {
    unknown: 0,
    waiting: 0,
    waitingOverflow: 0,
    decided: decided => addDecided(decided, 0),
    connectionDecided: decided => addDecided(decided, 1),
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
