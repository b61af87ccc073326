// Hot path where a rule asks for tokens.
import { hash } from 'node:crypto'
import type { KeySet } from './key-set.ts'
import type { TokenVerdict } from './token-verdict.ts'
import type { SignedToken } from './verify.ts'

interface Known {
  verdict: SignedToken | TokenVerdict
  /** The keys that it was judged by: with others it has to be judged anew. */
  keySet: KeySet
}

/**
 * Verdicts on tokens that were seen, so that a signature is checked once and not at each request. Bounded; the longest unused are forgotten
 * (in halves: the older one goes as a whole when the newer is full). Keyed by hash: tokens themselves are not kept.
 */
export interface KnownTokens {
  get(key: string, keySet: KeySet): SignedToken | TokenVerdict | undefined
  set(key: string, keySet: KeySet, verdict: SignedToken | TokenVerdict): void
  readonly size: number
}

export function keyOf(provider: string, token: string): string {
  return `${provider} ${hash('sha256', token, 'base64')}`
}

export function knownTokens(tokensMax: number): KnownTokens {
  let newer = new Map<string, Known>()
  let older = new Map<string, Known>()
  const put = (key: string, known: Known) => {
    newer.set(key, known)
    if (newer.size < tokensMax / 2) return
    older = newer
    newer = new Map()
  }
  return {
    get(key, keySet) {
      const known = newer.get(key) ?? older.get(key)
      if (known === undefined || known.keySet !== keySet) return undefined
      if (older.delete(key)) put(key, known)
      return known.verdict
    },
    set(key, keySet, verdict) {
      older.delete(key)
      put(key, { keySet, verdict })
    },
    get size() {
      return newer.size + older.size
    },
  }
}
