// Hot path where a rule asks for tokens: `known` at each request, `verify` once for each token.
import type { JwtProvider } from '../../../protocol/intentions.ts'
import type { Clock } from '../../../runtime/clock.ts'
import type { KeySet } from './key-set.ts'
import { type FetchText, type KeySource, keysFromUrl, keysOfText } from './key-source.ts'
import { keyOf, knownTokens } from './known-tokens.ts'
import { judgeTimes } from './times.ts'
import type { TokenVerdict } from './token-verdict.ts'
import { type SignedToken, verifyToken } from './verify.ts'

/** Judges tokens of the providers in force. */
export interface Tokens {
  /** The verdict on a token that was judged before; undefined: it has to be verified. */
  known(provider: string, token: string): TokenVerdict | undefined
  /** Verifies a token; fetches keys if need be. Always settles, within the time-outs of the fetch. */
  verify(provider: string, token: string): Promise<TokenVerdict>
  /** Takes other providers in force. What stays as it was keeps its keys. */
  reconcile(providers: Readonly<Record<string, JwtProvider>>): void
  /** How each provider stands, for /ready and metrics. */
  standing(): { provider: string; problem: string; keys: number; fetched: { ok: number; failed: number } }[]
  readonly knownSize: number
  close(): void
}

export interface TokensParts {
  clock: Clock
  random: () => number
  fetchText: FetchText
  onKeysChanged(provider: string, problem: string): void
}

interface InForce {
  provider: JwtProvider
  source: KeySource
}

const TOKENS_MAX = 10_000

export function createTokens(parts: TokensParts): Tokens {
  const { clock } = parts
  const inForce = new Map<string, InForce>()
  const known = knownTokens<SignedToken | TokenVerdict, KeySet>(TOKENS_MAX)

  const withTimes = (verdict: SignedToken | TokenVerdict, { clockSkewMs }: JwtProvider): TokenVerdict =>
    verdict.status === 'signed' ? judgeTimes(verdict.claims, clock.wall(), clockSkewMs) : verdict
  const lookUp = (name: string, token: string): SignedToken | TokenVerdict | undefined => {
    const keySet = inForce.get(name)?.source.current
    return keySet === undefined ? undefined : known.get(keyOf(name, token), keySet)
  }
  const judge = async (name: string, token: string, found: InForce): Promise<SignedToken | TokenVerdict> => {
    const { provider, source } = found
    if (source.current === undefined) await source.settled()
    if (source.current === undefined) return { status: 'unavailable', detail: noKeys(name, source) }
    let keySet = source.current
    let verdict = await verifyToken(token, provider, keySet)
    if (verdict.status === 'invalid' && verdict.problem === 'unknown-key') {
      await source.refresh()
      if (source.current !== keySet) {
        keySet = source.current
        verdict = await verifyToken(token, provider, keySet)
      }
    }
    // A key that is not known now may be in a moment: to remember that would outlast the bound of refreshing.
    const mayPass = verdict.status === 'invalid' && verdict.problem === 'unknown-key'
    if (!mayPass && inForce.get(name) === found) known.set(keyOf(name, token), keySet, verdict)
    return verdict
  }
  return {
    known(name, token) {
      const verdict = lookUp(name, token)
      return verdict && withTimes(verdict, inForce.get(name)!.provider)
    },
    async verify(name, token) {
      const found = inForce.get(name)
      if (found === undefined) return { status: 'unavailable', detail: `no provider ${name} is known here` }
      return withTimes(lookUp(name, token) ?? (await judge(name, token, found)), found.provider)
    },
    reconcile(providers) {
      for (const [name, { provider, source }] of inForce) {
        if (same(provider, providers[name])) continue
        source.close()
        inForce.delete(name)
      }
      for (const [name, provider] of Object.entries(providers)) {
        if (inForce.has(name)) continue
        const source = sourceOf(name, provider, parts)
        if (source !== undefined) inForce.set(name, { provider, source })
      }
    },
    standing: () =>
      [...inForce].map(([provider, { source }]) => ({
        provider,
        problem: source.problem,
        keys: source.current?.keys.length ?? 0,
        fetched: source.fetched,
      })),
    get knownSize() {
      return known.size
    },
    close() {
      for (const { source } of inForce.values()) source.close()
      inForce.clear()
    },
  }
}

/** Undefined for a provider whose tokens no rule asks for. */
function sourceOf(name: string, { jwks, jwksUrl }: JwtProvider, parts: TokensParts): KeySource | undefined {
  const onChange = (problem: string) => parts.onKeysChanged(name, problem)
  if (jwks !== undefined) return keysOfText(jwks, { onChange })
  if (jwksUrl === undefined) return undefined
  const { clock, random, fetchText } = parts
  return keysFromUrl(jwksUrl, { clock, random, fetchText, onChange })
}

function noKeys(name: string, { problem }: KeySource): string {
  return `the keys of the token provider ${name} cannot be had: ${problem}`
}

/** Whether all that verdicts and keys depend on is the same. */
function same(a: JwtProvider, b: JwtProvider | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
