import type { Clock } from '../../runtime/clock.ts'
import type { IdentityStore, KeptToken } from '../state/identity-store.ts'
import { hashOfSecret, judgeJoin, knowToken, type Presented, type TokenVerdict } from './tokens.ts'

export interface NewToken {
  kind: KeptToken['kind']
  name: string
  services?: '*' | string[]
  reusable?: boolean
  /** Null: never. */
  expiresInMs: number | null
  madeBy: string
}

/** Every token that is good, as kept on disk. Bounded: over the limit none is made. */
export interface TokenBook {
  list(): KeptToken[]
  /** The secret is told here and nowhere else. */
  create(
    wanted: NewToken,
  ): { status: 'created'; token: KeptToken; secret: string } | { status: 'full'; tokensMax: number }
  revoke(id: string): KeptToken | undefined
  know(presented: Presented): TokenVerdict
  /**
   * Judges a join token for a service and a key (SHA-256 of it, hex), and notes its use on disk before it answers: of two that come
   * at once with a token that is good for once, one gets in. Throws when the disk refuses.
   */
  join(presented: Presented, service: string, key: string): TokenVerdict
}

const TOKENS_MAX = 10_000
/** Kept so long after it is over, so that it is refused as expired or used and not as unknown. */
const KEPT_AFTER_MS = 7 * 86_400_000

export function tokenBook(
  store: Pick<IdentityStore, 'tokens' | 'putToken' | 'dropToken'>,
  clock: Clock,
  randomBytes: (count: number) => Buffer,
): TokenBook {
  const tokens = new Map(store.tokens().map(token => [token.id, token]))
  const drop = (id: string) => {
    store.dropToken(id)
    tokens.delete(id)
  }
  const put = (token: KeptToken) => {
    store.putToken(token)
    tokens.set(token.id, token)
  }
  const sweep = () => {
    for (const token of tokens.values()) {
      const over = Math.min(token.expiresMs ?? Infinity, token.reusable ? Infinity : (token.usedMs ?? Infinity))
      if (clock.wall() > over + KEPT_AFTER_MS) drop(token.id)
    }
  }
  const know: TokenBook['know'] = presented => knowToken(tokens.get(presented.id), presented, clock.wall())
  return {
    list: () => [...tokens.values()],
    create({ kind, name, services = '*', reusable = kind !== 'join', expiresInMs, madeBy }) {
      sweep()
      if (tokens.size >= TOKENS_MAX) return { status: 'full', tokensMax: TOKENS_MAX }
      const secret = randomBytes(32).toString('base64url')
      const madeMs = clock.wall()
      const token: KeptToken = {
        id: randomBytes(6).toString('base64url'),
        kind,
        name,
        hash: hashOfSecret(secret),
        services,
        reusable,
        madeMs,
        madeBy,
        expiresMs: expiresInMs === null ? null : madeMs + expiresInMs,
        usedMs: null,
        usedKey: null,
      }
      put(token)
      return { status: 'created', token, secret }
    },
    revoke(id) {
      const token = tokens.get(id)
      if (token) drop(id)
      return token
    },
    know,
    join(presented, service, key) {
      const known = know(presented)
      if (known.status === 'refused') return known
      const verdict = judgeJoin(known.token, service, key, clock.wall())
      if (verdict.status === 'refused' || known.token.usedMs !== null) return verdict
      const used: KeptToken = { ...known.token, usedMs: clock.wall(), usedKey: key }
      put(used)
      return { status: 'taken', token: used }
    },
  }
}
