import type { Retries } from '../../protocol/snapshot.ts'
import { exchangeOf, type Question } from '../asked-exchange.ts'
import type { Policy } from './policy.ts'
import { route } from './router.ts'
import { stickyKeyOf } from './split.ts'

/** What it would meet, or why it goes nowhere. */
export type Explanation =
  | {
      status: 'refused'
      protocol: 'http' | 'tcp'
      flag: string
      reason: string
      detail: string
      /** 0: the connection is closed. */
      httpStatus: number
      epoch: number
    }
  | {
      status: 'routed'
      protocol: 'http' | 'tcp'
      service: string
      route: string
      path: string
      /** One version when the route names it, or a sticky key does; else the shares. */
      versions: Record<string, number>
      chosenBy: 'route' | 'stickiness' | 'weights'
      endpoints: { id: string; address: string; version: string; health: string }[]
      timeoutMs: number
      retries: Retries
      epoch: number
    }

/** Explains a request that leaves an application, or comes from outside, with the very function that routes traffic. */
export function explain(policy: Policy, question: Question): Explanation {
  const exchange = exchangeOf(question)
  const refused = route(policy, exchange, '', () => 0)
  if (refused !== undefined)
    return {
      status: 'refused',
      protocol: 'http',
      flag: refused.flag,
      reason: refused.reason,
      detail: refused.detail,
      httpStatus: refused.status,
      epoch: policy.epoch,
    }
  const { upstream, split } = policy.upstreams.get(exchange.service)!
  const sticky =
    !exchange.pinned &&
    upstream.stickiness !== undefined &&
    stickyKeyOf(exchange.request.fields, upstream.stickiness) !== ''
  const single = exchange.pinned || sticky
  const versions = single
    ? { [exchange.version]: 1 }
    : Object.fromEntries(split.names.map((name, i) => [name, split.weights[i]! / split.total]))
  return {
    status: 'routed',
    protocol: 'http',
    service: exchange.service,
    route: exchange.route,
    path: exchange.request.target,
    versions,
    chosenBy: exchange.pinned ? 'route' : sticky ? 'stickiness' : 'weights',
    endpoints: upstream.endpoints
      .filter(({ version }) => Object.hasOwn(versions, version))
      .map(({ id, address, version, health }) => ({ id, address, version, health })),
    timeoutMs: exchange.deadlineMs,
    retries: exchange.routeRetries ?? upstream.retries,
    epoch: policy.epoch,
  }
}
