import type { TestContext } from 'node:test'
import type { Retries, Upstream } from '../../protocol/snapshot.ts'
import { createListener, type Listener } from '../../proxy/accept/listener.ts'
import type { ListenerLimits } from '../../proxy/accept/settings.ts'
import type { Attempt, Direction } from '../../proxy/exchange.ts'
import { createSender, type Sender, type SenderParts } from '../../proxy/send/sender.ts'
import type { Taken, TcpConnection, TcpStage } from '../../proxy/tcp/connection.ts'
import { type Clock, systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import type { ManualClock } from './manual-clock.ts'

/** A retry waits for nothing, and there is always budget for it. */
export const retriesAtOnce: Retries = {
  attempts: 1,
  on: [],
  statusCodes: [],
  perTryTimeoutMs: 0,
  budget: 1,
  budgetPerSecond: 100,
  backoffBaseMs: 0,
  backoffMaxMs: 0,
}

export interface TcpHarness {
  readonly listener: Listener
  readonly sender: Sender
  /** Connections that were taken, in order. */
  readonly connections: TcpConnection[]
  /** What observe/ is told: of each try, and how each connection went. */
  readonly attempts: Attempt[]
  readonly taken: Taken[]
}

/** accept/ and send/ put together for TCP, on a free port, with whatever stage a test puts between. */
export async function tcpHarness(
  t: TestContext,
  upstream: Upstream,
  {
    clock = systemClock,
    limits = {},
    direction = 'outbound',
    stage = next => next,
    connect,
  }: {
    clock?: Clock
    limits?: Partial<ListenerLimits>
    direction?: Direction
    stage?: (next: TcpStage) => TcpStage
    connect?: SenderParts['connect']
  } = {},
): Promise<TcpHarness> {
  const connections: TcpConnection[] = []
  const attempts: Attempt[] = []
  const taken: Taken[] = []
  const sender = createSender({
    clock,
    random: () => 0,
    log: silentLog,
    refuse() {},
    ...(connect === undefined ? {} : { connect }),
  })
  sender.reconcile(new Map([[upstream.service, upstream]]))
  const handler = stage(connection => {
    connection.service = upstream.service
    connection.version = upstream.endpoints[0]?.version ?? ''
    if (upstream.timeoutMs > 0) connection.deadlineMs = connection.startedMs + upstream.timeoutMs
    sender.connect(connection)
  })
  const listener = await createListener(
    { address: { host: '127.0.0.1', port: 0 }, direction, limits },
    {
      clock,
      log: silentLog,
      handler() {
        throw new Error('a request came of a TCP connection')
      },
      tcp: {
        carried: () => true,
        handler(connection) {
          connections.push(connection)
          connection.onAttempt = (_, attempt) => attempts.push(attempt)
          connection.onTaken = (_, how) => taken.push(how)
          handler(connection)
        },
      },
    },
  )
  t.after(async () => {
    sender.close()
    const closed = listener.close(0)
    // A clock that stands still would leave the grace standing, too.
    if ('advance' in clock) (clock as ManualClock).advance(0)
    await closed
  })
  return { listener, sender, connections, attempts, taken }
}
