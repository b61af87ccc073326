// Hot path where a rule asks for tokens.
import { hash } from 'node:crypto'

interface Known<Verdict, Keys> {
  verdict: Verdict
  /** The keys that it was judged by: with others it has to be judged anew. */
  keys: Keys
}

/**
 * Verdicts on tokens that were seen, so that a signature is checked once and not at each request. Bounded; the longest unused are forgotten
 * (in halves: the older one goes as a whole when the newer is full). Keyed by hash: tokens themselves are not kept.
 */
export interface KnownTokens<Verdict, Keys> {
  get(key: string, keys: Keys): Verdict | undefined
  set(key: string, keys: Keys, verdict: Verdict): void
  readonly size: number
}

export function keyOf(provider: string, token: string): string {
  return `${provider} ${hash('sha256', token, 'base64')}`
}

export function knownTokens<Verdict, Keys>(tokensMax: number): KnownTokens<Verdict, Keys> {
  let newer = new Map<string, Known<Verdict, Keys>>()
  let older = new Map<string, Known<Verdict, Keys>>()
  const put = (key: string, known: Known<Verdict, Keys>) => {
    newer.set(key, known)
    if (newer.size < tokensMax / 2) return
    older = newer
    newer = new Map()
  }
  return {
    get(key, keys) {
      const known = newer.get(key) ?? older.get(key)
      if (known === undefined || known.keys !== keys) return undefined
      if (older.delete(key)) put(key, known)
      return known.verdict
    },
    set(key, keys, verdict) {
      older.delete(key)
      put(key, { keys, verdict })
    },
    get size() {
      return newer.size + older.size
    },
  }
}
