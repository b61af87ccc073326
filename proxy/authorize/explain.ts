import type { Listener } from '../../protocol/snapshot.ts'
import { exchangeOf, type Question } from '../asked-exchange.ts'
import type { Exchange } from '../exchange.ts'
import type { Policy } from '../route/policy.ts'
import { judgeConnection } from './connection-verdict.ts'
import { denialOf, notToldYet } from './denial.ts'
import { removeForwarded } from './jwt/forward.ts'
import type { Claims } from './jwt/token-verdict.ts'
import type { Tokens } from './jwt/tokens.ts'
import { AskedByExchange, type Settled, verifiedToken } from './request-tokens.ts'
import { type Standing, standingOf } from './standing.ts'
import { authorize, type CompiledIntentions, type Decided } from './verdict.ts'

/** A call that somebody asks about, at the proxy of who is called. */
export interface CallQuestion extends Omit<Question, 'direction'> {
  /** Service or gateway of the mesh; '' for a caller without a certificate. */
  source: string
  sourceId: string
  /** What a valid token would say, by provider or for every provider; undefined: the token in the headers counts. */
  claims: Readonly<Record<string, unknown>> | undefined
}

/** What the intentions say of it. */
export interface CallExplanation {
  status: 'judged'
  /** tcp: of a connection, whatever was asked. */
  protocol: 'http' | 'tcp'
  verdict: 'allow' | 'deny'
  /** 200 where it is let in: what the application answers is its own. 0 of a connection: it is carried, or reset. */
  httpStatus: number
  /** Name of the intention that decides; `default`, or '' where nobody told any. */
  intention: string
  reason: string
  dryRun: string[]
  service: string
  source: string
  path: string
  epoch: number
}

/** Explains with the very function that judges traffic. */
export async function explainCall(policy: Policy, question: CallQuestion, tokens: Tokens): Promise<CallExplanation> {
  const standing = standingOf(policy)
  const exchange = exchangeOf({ ...question, direction: 'inbound' })
  // In clear text nobody shows who he is, whoever asks.
  const shown = policy.listener?.mtls !== 'off'
  exchange.source = shown ? question.source : ''
  exchange.sourceId = shown ? question.sourceId : ''
  const about = {
    status: 'judged' as const,
    protocol: 'http' as const,
    service: policy.listener?.service ?? '',
    source: exchange.source,
    path: exchange.request.target,
    epoch: policy.epoch,
  }
  if (policy.listener?.protocol === 'tcp')
    return { ...about, ...connectionExplained(standing, exchange, policy.listener) }
  if (standing.status === 'closed') {
    const { status: httpStatus, detail: reason } = notToldYet
    return { ...about, verdict: 'deny', httpStatus, intention: '', reason, dryRun: [] }
  }
  if (standing.status === 'open') {
    const reason = 'control tells no intentions, and in clear text nobody is asked who he is'
    return { ...about, verdict: 'allow', httpStatus: 200, intention: '', reason, dryRun: [] }
  }
  const { compiled } = standing
  removeForwarded(exchange, standing.removal)
  const asked = new AskedByExchange(tokens)
  const decided = await decide(exchange, compiled, asked, claimsByProvider(question.claims, compiled), tokens)
  const told = { intention: decided.intention, dryRun: decided.dryRun.map(({ name }) => name) }
  if (decided.verdict === 'allow')
    return { ...about, ...told, verdict: 'allow', httpStatus: 200, reason: decided.reason }
  const { failure } = denialOf(decided, asked, about.service, policy.listener?.mesh ?? 'mesh')
  return { ...about, ...told, verdict: 'deny', httpStatus: failure.status, reason: failure.detail }
}

function connectionExplained(
  standing: Standing,
  caller: Pick<Exchange, 'source' | 'sourceId'>,
  listener: Listener,
): Pick<CallExplanation, 'protocol' | 'verdict' | 'httpStatus' | 'intention' | 'reason' | 'dryRun' | 'path'> {
  const { failure, decided, reason } = judgeConnection(standing, caller, listener)
  return {
    protocol: 'tcp',
    verdict: failure === undefined ? 'allow' : 'deny',
    httpStatus: 0,
    intention: decided?.intention ?? '',
    reason,
    dryRun: decided?.dryRun.map(({ name }) => name) ?? [],
    path: '',
  }
}

/** Asks until every token that a rule wants is verified: at most once for each provider. */
async function decide(
  exchange: Exchange,
  compiled: CompiledIntentions,
  asked: AskedByExchange,
  settled: Settled,
  tokens: Tokens,
): Promise<Decided> {
  for (;;) {
    const verdict = authorize(compiled, asked.by(exchange, compiled, settled))
    if (verdict.verdict !== 'unverified') return verdict
    settled.set(verdict.provider, await verifiedToken(verdict.provider, compiled, exchange, tokens))
  }
}

function claimsByProvider(claims: CallQuestion['claims'], { intentions }: CompiledIntentions): Settled {
  const settled: Settled = new Map()
  if (claims === undefined) return settled
  for (const provider of Object.keys(intentions.jwt)) {
    const own = Object.hasOwn(claims, provider) ? claims[provider] : claims
    const isObject = typeof own === 'object' && own !== null && !Array.isArray(own)
    settled.set(provider, { status: 'valid', claims: isObject ? (own as Claims) : claims })
  }
  return settled
}
