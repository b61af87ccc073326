import { APP } from '../exchange.ts'
import { type Failure, failure } from '../failures.ts'
import type { TcpConnection, TcpStage } from '../tcp/connection.ts'
import type { Policy, PolicyInForce } from './policy.ts'
import { pickByWeight } from './split.ts'

export interface ConnectionRouterParts {
  policy: PolicyInForce
  /** In [0, 1). */
  random: () => number
  /** Where a routed connection goes on. */
  next: TcpStage
  /** Told of each that goes nowhere. */
  noRoute: (connection: TcpConnection) => void
}

/** The router of connections to a port that is bound to one upstream: version and deadline. */
export function createConnectionRouter(
  { policy, random, next, noRoute }: ConnectionRouterParts,
  service: string,
): TcpStage {
  return connection => {
    const refused = routeConnection(policy.current, connection, service, random)
    if (refused === undefined) {
      next(connection)
      return
    }
    connection.counts.cxNoRoute++
    connection.refuse(refused)
    noRoute(connection)
  }
}

/** The router of connections for the own application: who may call was decided before. */
export function createInboundConnectionRouter(next: TcpStage): TcpStage {
  return connection => {
    connection.service = APP
    next(connection)
  }
}

/** Notes the decision on the connection, or returns why there is none. */
export function routeConnection(
  policy: Policy,
  connection: Pick<TcpConnection, 'service' | 'version' | 'deadlineMs' | 'startedMs'>,
  service: string,
  random: () => number,
): Failure | undefined {
  connection.service = service
  const found = policy.upstreams.get(service)
  if (found === undefined) return failure('NR', unknownService(policy, service))
  const { upstream, split } = found
  if (upstream.protocol !== 'tcp')
    return failure(
      'NR',
      `${service} is a service of protocol ${upstream.protocol}: requests are carried there, not TCP`,
    )
  connection.version = pickByWeight(split, random()) ?? ''
  connection.deadlineMs = upstream.timeoutMs > 0 ? connection.startedMs + upstream.timeoutMs : 0
  return undefined
}

function unknownService(policy: Policy, service: string): string {
  const { listener, upstreams } = policy
  const known = [...upstreams.keys()].slice(0, 10).join(', ') || 'none yet'
  const who = listener?.service ?? 'this proxy'
  return `${service} is no service that ${who} may call (known here: ${known}): write it into the mesh file, and allow ${who} to call it`
}
