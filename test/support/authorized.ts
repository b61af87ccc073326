import type { TestContext } from 'node:test'
import type { Intentions } from '../../protocol/intentions.ts'
import type { Listener as ListenerSection } from '../../protocol/snapshot.ts'
import { createListener } from '../../proxy/accept/listener.ts'
import { answerWith } from '../../proxy/accept/proxy-answer.ts'
import { createAuthorizer } from '../../proxy/authorize/authorizer.ts'
import { type AuthorizationCounts, authorizationCounts } from '../../proxy/authorize/counts.ts'
import { denialLog } from '../../proxy/authorize/denial-log.ts'
import type { FetchText } from '../../proxy/authorize/jwt/key-source.ts'
import { createTokens, type Tokens } from '../../proxy/authorize/jwt/tokens.ts'
import type { Exchange, Outcome } from '../../proxy/exchange.ts'
import { applyLine, type PolicyInForce, policyInForce } from '../../proxy/route/policy.ts'
import { createSender } from '../../proxy/send/sender.ts'
import type { Address } from '../../runtime/address.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { SERVICE, upstreamOf } from './proxy-harness.ts'

/** A listener for inbound requests, the stage that asks who may call, and send/ to an application; who calls is set by the test. */
export interface Authorized {
  address: Address
  policy: PolicyInForce
  tokens: Tokens
  counts: AuthorizationCounts
  outcomes: { exchange: Exchange; outcome: Outcome }[]
  caller: { source: string; sourceId: string }
  /** Puts other intentions in force, as control would. */
  tell(intentions: Intentions | undefined, mtls?: ListenerSection['mtls']): void
}

const listenerSection = (mtls: ListenerSection['mtls']): ListenerSection => ({
  mesh: 'm',
  trustDomain: 'm.mesh',
  service: SERVICE,
  kind: 'sidecar',
  protocol: 'http',
  app: {
    timeoutMs: 0,
    connectTimeoutMs: 1000,
    idleTimeoutMs: 60_000,
    limits: { maxConnections: 100, maxPending: 100, maxRequests: 100, maxRetries: 10 },
  },
  routes: [],
  mtls,
})

export async function authorized(
  t: TestContext,
  app: string,
  { fetchText = async () => '', log = silentLog }: { fetchText?: FetchText; log?: typeof silentLog } = {},
): Promise<Authorized> {
  const clock = systemClock
  const policy = policyInForce()
  const refuse = (exchange: Exchange, failure: Parameters<typeof answerWith>[1]) =>
    answerWith(exchange, failure, clock.now())
  const sender = createSender({ clock, random: Math.random, log: silentLog, refuse })
  sender.reconcile(new Map([[SERVICE, upstreamOf([app])]]))
  const counts = authorizationCounts()
  const tokens = createTokens({ clock, random: () => 1, fetchText, onKeysChanged() {} })
  const stage = createAuthorizer({
    policy,
    tokens,
    counts,
    denied: denialLog(clock, log),
    log,
    refuse,
    next(exchange) {
      exchange.service = SERVICE
      exchange.version = 'v1'
      sender.send(exchange)
    },
  })
  const outcomes: Authorized['outcomes'] = []
  const caller = { source: 'report', sourceId: 'spiffe://m.mesh/ns/default/dc/dc1/svc/report' }
  const listener = await createListener(
    { address: { host: '127.0.0.1', port: 0 }, direction: 'inbound' },
    {
      clock,
      log: silentLog,
      handler(exchange) {
        exchange.source = caller.source
        exchange.sourceId = caller.sourceId
        exchange.onOver = (over, outcome) => outcomes.push({ exchange: over, outcome })
        stage(exchange)
      },
    },
  )
  t.after(async () => {
    tokens.close()
    sender.close()
    await listener.close(0)
  })
  let epoch = 0
  return {
    address: listener.address,
    policy,
    tokens,
    counts,
    outcomes,
    caller,
    tell(intentions, mtls = 'strict') {
      const applied = applyLine(policy.current, {
        epoch: ++epoch,
        sections: {
          listener: { version: epoch, value: listenerSection(mtls) },
          intentions: intentions === undefined ? null : { version: epoch, value: intentions },
        },
      })
      if (applied.status !== 'applied') throw new Error(JSON.stringify(applied))
      policy.replace(applied.policy)
    },
  }
}
