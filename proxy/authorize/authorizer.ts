// Hot path: once per request that arrives for the own application.
import type { Log } from '../../runtime/log.ts'
import type { Exchange, Stage } from '../exchange.ts'
import { type Failure, failure } from '../failures.ts'
import { takeOutsideMark } from '../outside-mark.ts'
import { normalizePath } from '../path.ts'
import type { Policy, PolicyInForce } from '../route/policy.ts'
import type { AuthorizationCounts } from './counts.ts'
import { denialOf, notToldYet } from './denial.ts'
import type { DenialLog } from './denial-log.ts'
import { HeldRequest } from './held-request.ts'
import { pushClaims, removeForwarded } from './jwt/forward.ts'
import type { Tokens } from './jwt/tokens.ts'
import { AskedByExchange, type Settled, verifiedToken } from './request-tokens.ts'
import { type Standing, standingOf } from './standing.ts'
import { authorize, type CompiledIntentions, type Decided } from './verdict.ts'

export interface AuthorizerParts {
  policy: PolicyInForce
  tokens: Tokens
  counts: AuthorizationCounts
  denied: DenialLog
  log: Log
  /** Where a request goes on that may. */
  next: Stage
  /** Answers one that may not. */
  refuse: (exchange: Exchange, failure: Failure) => void
}

/** Requests that may be held at a time: each keeps up to 64 KiB of its body. */
const WAITING_MAX = 1000

/**
 * The stage that asks who may call. It goes by the policy in force at each request, so a change holds on connections that are open already;
 * a tunnel that is open stays open. A request whose token has to be verified first is held meanwhile.
 */
export function createAuthorizer(parts: AuthorizerParts): Stage {
  const authorizer = new Authorizer(parts)
  parts.policy.onReplace(policy => authorizer.goBy(policy))
  return exchange => authorizer.take(exchange)
}

class Authorizer {
  readonly #parts: AuthorizerParts
  readonly #asked: AskedByExchange
  #standing: Standing = { status: 'closed' }

  constructor(parts: AuthorizerParts) {
    this.#parts = parts
    this.#asked = new AskedByExchange(parts.tokens)
  }

  goBy({ listener, intentions }: Policy): void {
    if (this.#standing.status === 'told' && this.#standing.compiled.intentions === intentions) return
    this.#standing = standingOf({ listener, intentions })
    this.#parts.tokens.reconcile(intentions?.jwt ?? {})
  }

  take(exchange: Exchange): void {
    const { request } = exchange
    request.target = normalizePath(request.target)
    exchange.outside = takeOutsideMark(request.fields)
    if (this.#standing.status === 'told') removeForwarded(exchange, this.#standing.removal)
    this.#judge(exchange, undefined, undefined)
  }

  #judge(exchange: Exchange, held: HeldRequest | undefined, settled: Settled | undefined): void {
    const standing = this.#standing
    if (standing.status === 'told') {
      const { compiled } = standing
      const verdict = authorize(compiled, this.#asked.by(exchange, compiled, settled))
      if (verdict.verdict === 'unverified') this.#hold(exchange, held, settled, compiled, verdict.provider)
      else this.#settle(exchange, held, compiled, verdict)
    } else if (standing.status === 'open') this.#letIn(exchange, held)
    else {
      this.#parts.counts.unknown++
      this.#refuse(exchange, notToldYet)
    }
  }

  #hold(
    exchange: Exchange,
    already: HeldRequest | undefined,
    settled: Settled = new Map(),
    compiled: CompiledIntentions,
    provider: string,
  ): void {
    const { tokens, counts, log } = this.#parts
    if (already === undefined && counts.waiting >= WAITING_MAX) {
      counts.waitingOverflow++
      this.#refuse(exchange, failure('UO', `${WAITING_MAX} requests wait for their tokens to be verified; try again`))
      return
    }
    const held = already ?? new HeldRequest()
    exchange.upstream = held
    counts.waiting++
    const goOn = async (): Promise<void> => {
      const verdict = await verifiedToken(provider, compiled, exchange, tokens)
      if (held.gone || exchange.over) return
      // Under other intentions a token of that name may be another matter.
      const inForce = this.#standing.status === 'told' && this.#standing.compiled === compiled
      this.#judge(exchange, held, inForce ? settled.set(provider, verdict) : undefined)
    }
    goOn()
      .catch((error: Error) => {
        log.error({ err: error }, 'a request met a bug in the proxy while its token was verified; it is refused')
        this.#refuse(exchange, failure('UAEX', 'the proxy failed while it verified the token; its log says why', 503))
      })
      .finally(() => counts.waiting--)
  }

  #settle(exchange: Exchange, held: HeldRequest | undefined, compiled: CompiledIntentions, decided: Decided): void {
    const { counts } = this.#parts
    exchange.intention = decided.intention
    counts.decided(decided)
    if (decided.lacking !== undefined) counts.token(decided.lacking.rule.jwt!.provider, decided.lacking.token)
    if (decided.verdict === 'deny') this.#deny(exchange, decided)
    else {
      if (decided.rule?.jwt !== undefined) this.#tellClaims(exchange, compiled, decided.rule.jwt.provider)
      this.#letIn(exchange, held)
    }
  }

  /** The application is told what the token says that let the call in. */
  #tellClaims({ request }: Exchange, { intentions }: CompiledIntentions, provider: string): void {
    const token = this.#asked.tokens(provider)
    if (token?.status !== 'valid') return
    this.#parts.counts.token(provider, token)
    pushClaims(request.fields, token.claims, intentions.jwt[provider]!.forward)
  }

  #letIn(exchange: Exchange, held: HeldRequest | undefined): void {
    if (held === undefined) this.#parts.next(exchange)
    else held.release(exchange, this.#parts.next)
  }

  #deny(exchange: Exchange, decided: Decided): void {
    const { listener } = this.#parts.policy.current
    const { failure: cause, challenge } = denialOf(
      decided,
      this.#asked,
      listener?.service ?? 'this service',
      listener?.mesh ?? 'mesh',
    )
    if (challenge !== '') exchange.answerFields = [...(exchange.answerFields ?? []), 'www-authenticate', challenge]
    this.#refuse(exchange, cause)
    this.#parts.denied(exchange)
  }

  #refuse(exchange: Exchange, cause: Failure): void {
    // What was held is dropped, and so is what still comes.
    exchange.upstream = undefined
    this.#parts.refuse(exchange, cause)
  }
}
