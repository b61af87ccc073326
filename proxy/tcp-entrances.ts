import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { occasionalLog } from '../runtime/occasional-log.ts'
import type { Authorization } from './authorization.ts'
import type { Observation } from './observation.ts'
import { createConnectionRouter, createInboundConnectionRouter } from './route/connection-router.ts'
import type { PolicyInForce } from './route/policy.ts'
import type { Sender } from './send/sender.ts'
import type { TcpConnection, TcpStage } from './tcp/connection.ts'

/** Where TCP comes in at a port that may carry HTTP as well. */
export interface TcpEntrance {
  /** Whether the next connection is TCP's: the policy in force says it. */
  carried: () => boolean
  /** Its first stage. */
  handler: TcpStage
}

export interface TcpEntrances {
  inbound: TcpEntrance
  /** Of a port that is bound to one upstream. */
  bound: (service: string) => TcpEntrance
}

const LOG_PERIOD_MS = 10_000

/** The stages of TCP, each met once per connection: observed -> admitted -> routed -> sender. */
export function tcpEntrances({
  policy,
  observed,
  whoMay,
  sender,
  clock,
  random,
  log,
}: {
  policy: PolicyInForce
  observed: Observation
  whoMay: Authorization
  sender: Sender
  clock: Clock
  random: () => number
  log: Log
}): TcpEntrances {
  const say = occasionalLog(clock, LOG_PERIOD_MS, line => log.warn(line))
  const noRoute = ({ service, failure }: TcpConnection): void =>
    say(service, `a connection is closed: ${failure?.detail}`)
  const routing = { policy, random, next: sender.connect, noRoute }
  return {
    inbound: {
      carried: () => policy.current.listener?.protocol === 'tcp',
      handler: observed.observedConnections(whoMay.admitted(createInboundConnectionRouter(sender.connect))),
    },
    bound: service => ({
      carried: asLastTold(policy, service),
      handler: observed.observedConnections(createConnectionRouter(routing, service)),
    }),
  }
}

/** A service that the policy no longer names (its caller may not call it any more) is what it was: HTTP would be no answer to its clients. */
function asLastTold(policy: PolicyInForce, service: string): () => boolean {
  let isTcp = false
  policy.onReplace(({ upstreams }) => {
    const told = upstreams.get(service)
    if (told !== undefined) isTcp = told.upstream.protocol === 'tcp'
  })
  return () => isTcp
}
