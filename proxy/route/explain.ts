import type { Retries } from '../../protocol/snapshot.ts'
import { type Direction, type Downstream, Exchange, type Fields, fieldOf, type RequestHead } from '../exchange.ts'
import { normalizePath } from '../path.ts'
import type { Policy } from './policy.ts'
import { route } from './router.ts'
import { stickyKeyOf } from './split.ts'

/** A request that somebody asks about. */
export interface Question {
  method: string
  /** `http://expense/api?x=1`, or a path when `direction` is gateway. */
  url: string
  headers: Readonly<Record<string, string>>
  direction: Exclude<Direction, 'inbound'>
}

/** What it would meet, or why it goes nowhere. */
export type Explanation =
  | { status: 'refused'; flag: string; reason: string; detail: string; httpStatus: number }
  | {
      status: 'routed'
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

/** Explains with the very function that routes traffic. */
export function explain(policy: Policy, question: Question): Explanation {
  const exchange = asked(question)
  const refused = route(policy, exchange, '', () => 0)
  if (refused !== undefined)
    return {
      status: 'refused',
      flag: refused.flag,
      reason: refused.reason,
      detail: refused.detail,
      httpStatus: refused.status,
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

function asked({ method, url, headers, direction }: Question): Exchange {
  const parsed = new URL(url, 'http://unnamed.invalid')
  const fields: Fields = Object.entries(headers).flatMap(([name, value]) => [name.toLowerCase(), value])
  const request: RequestHead = {
    method,
    target: normalizePath(`${parsed.pathname}${parsed.search}`),
    authority: fieldOf(fields, 'host') ?? parsed.host,
    scheme: 'http',
    fields,
    protocol: 'HTTP/1.1',
    contentLength: 0,
    hasBody: false,
    upgrade: '',
    expectContinue: false,
    acceptsTrailers: false,
  }
  return new Exchange(direction, request, nobody, 0, 0, '')
}

/** Nobody waits for the answer of a question. */
const nobody: Downstream = {
  informational() {},
  head() {},
  data: () => true,
  end() {},
  abort() {},
  resumeRequest() {},
}
