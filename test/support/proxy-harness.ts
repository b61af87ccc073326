import type { Endpoint, Upstream } from '../../protocol/snapshot.ts'
import type { Rejection } from '../../proxy/accept/context.ts'
import { createListener, type Listener } from '../../proxy/accept/listener.ts'
import { answerWith } from '../../proxy/accept/proxy-answer.ts'
import type { ListenerSettings } from '../../proxy/accept/settings.ts'
import type { Attempt, Exchange, Outcome } from '../../proxy/exchange.ts'
import { createSender, type Sender, type SenderParts } from '../../proxy/send/sender.ts'
import { type Clock, systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import type { ManualClock } from './manual-clock.ts'

export const SERVICE = 'expense'

/** An upstream with nothing special about it: no retries, no fuse, wide limits. */
export function upstreamOf(endpoints: (string | Partial<Endpoint>)[], change: Partial<Upstream> = {}): Upstream {
  const list = endpoints.map((given, n): Endpoint => {
    const some = typeof given === 'string' ? { address: given } : given
    return { id: `e${n}`, address: '127.0.0.1:1', version: 'v1', health: 'healthy', ...some }
  })
  return {
    service: SERVICE,
    protocol: 'http',
    timeoutMs: 0,
    connectTimeoutMs: 1000,
    idleTimeoutMs: 60_000,
    retries: {
      attempts: 0,
      on: [],
      statusCodes: [],
      perTryTimeoutMs: 0,
      budget: 0.2,
      budgetPerSecond: 10,
      backoffBaseMs: 0,
      backoffMaxMs: 0,
    },
    limits: { maxConnections: 100, maxPending: 100, maxRequests: 1000, maxRetries: 100 },
    balancing: 'round-robin',
    routes: [],
    versions: Object.fromEntries(list.map(({ version }) => [version, { weight: 1 }])),
    endpoints: list,
    mesh: true,
    ...change,
  }
}

export interface Harness {
  readonly listener: Listener
  readonly sender: Sender
  /** Exchanges that are over, with how they ended. */
  readonly outcomes: { exchange: Exchange; outcome: Outcome }[]
  readonly attempts: Attempt[]
  readonly rejections: Rejection[]
  begun: number
  close(): Promise<void>
}

export interface HarnessSettings {
  upstream: Upstream
  listener?: Partial<ListenerSettings>
  clock?: Clock
  random?: () => number
  connect?: SenderParts['connect']
  /** What route/ would decide. */
  route?: (exchange: Exchange) => void
}

/** accept/ and send/ put together without the stages between, on a free port. */
export async function harness(settings: HarnessSettings): Promise<Harness> {
  const clock = settings.clock ?? systemClock
  const { upstream } = settings
  const sender = createSender({
    clock,
    random: settings.random ?? Math.random,
    log: silentLog,
    refuse: answerWith,
    ...(settings.connect === undefined ? {} : { connect: settings.connect }),
  })
  sender.reconcile(new Map([[upstream.service, upstream]]))
  const outcomes: Harness['outcomes'] = []
  const attempts: Attempt[] = []
  const rejections: Rejection[] = []
  const made = { begun: 0 }
  const listener = await createListener(
    { address: { host: '127.0.0.1', port: 0 }, direction: 'outbound', ...settings.listener },
    {
      clock,
      log: silentLog,
      events: { onRejected: rejection => rejections.push(rejection) },
      handler(exchange) {
        made.begun++
        exchange.service = upstream.service
        exchange.version = upstream.endpoints[0]?.version ?? ''
        if (upstream.timeoutMs > 0) exchange.deadlineMs = exchange.startedMs + upstream.timeoutMs
        exchange.onOver = (over, outcome) => outcomes.push({ exchange: over, outcome })
        exchange.onAttempt = (_, attempt) => attempts.push(attempt)
        settings.route?.(exchange)
        sender.send(exchange)
      },
    },
  )
  return {
    listener,
    sender,
    outcomes,
    attempts,
    rejections,
    get begun() {
      return made.begun
    },
    async close() {
      sender.close()
      const closed = listener.close(0)
      // A clock that stands still would leave the grace standing, too.
      if ('advance' in clock) (clock as ManualClock).advance(0)
      await closed
    },
  }
}
