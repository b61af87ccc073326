// Hot path: filled once per request; tokens cost only where a rule asks for them.
import type { Exchange, RequestHead } from '../exchange.ts'
import { tokenOf } from './jwt/token-of.ts'
import type { TokenVerdict } from './jwt/token-verdict.ts'
import type { Tokens } from './jwt/tokens.ts'
import type { Asked } from './rule.ts'
import type { CompiledIntentions } from './verdict.ts'

/** Verdicts on the tokens of one request that was held for them, by provider. */
export type Settled = Map<string, TokenVerdict>

/** The question that an exchange asks. One object for all exchanges: a question is asked and answered at once. */
export class AskedByExchange implements Asked {
  source = ''
  sourceId = ''
  request: RequestHead | undefined = undefined
  readonly #tokens: Pick<Tokens, 'known'>
  #compiled: CompiledIntentions | undefined = undefined
  #settled: Settled | undefined = undefined

  constructor(tokens: Pick<Tokens, 'known'>) {
    this.#tokens = tokens
  }

  by(exchange: Exchange, compiled: CompiledIntentions, settled: Settled | undefined): this {
    this.source = exchange.source
    this.sourceId = exchange.sourceId
    this.request = exchange.request
    this.#compiled = compiled
    this.#settled = settled
    return this
  }

  tokens(provider: string): TokenVerdict | undefined {
    const settled = this.#settled?.get(provider)
    if (settled !== undefined) return settled
    const header = this.#compiled!.intentions.jwt[provider]?.header
    if (header === undefined) return unknownProvider(provider)
    const found = tokenOf(this.request!.fields, header)
    return found.status === 'found' ? this.#tokens.known(provider, found.token) : found
  }
}

/** Verifies the token that is not known yet. */
export async function verifiedToken(
  provider: string,
  { intentions }: CompiledIntentions,
  { request }: Pick<Exchange, 'request'>,
  tokens: Pick<Tokens, 'verify'>,
): Promise<TokenVerdict> {
  const header = intentions.jwt[provider]?.header
  if (header === undefined) return unknownProvider(provider)
  const found = tokenOf(request.fields, header)
  return found.status === 'found' ? tokens.verify(provider, found.token) : found
}

function unknownProvider(provider: string): TokenVerdict {
  return { status: 'unavailable', detail: `no token provider ${provider} is known here` }
}
