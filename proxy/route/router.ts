// Hot path: decides where a request goes; allocates nothing that it need not.
import type { Route } from '../../protocol/snapshot.ts'
import { APP, type Exchange, type Stage } from '../exchange.ts'
import { type Failure, failure } from '../failures.ts'
import { hostOf } from '../match.ts'
import { markOutside } from '../outside-mark.ts'
import { normalizePath, pathOf } from '../path.ts'
import type { Policy, PolicyInForce, UpstreamPolicy } from './policy.ts'
import { pickByWeight, pickSticky, stickyKeyOf } from './split.ts'

export interface RouterParts {
  policy: PolicyInForce
  /** In [0, 1). */
  random: () => number
  /** Where a routed request goes on. */
  next: Stage
  /** Answers a request that goes nowhere. */
  refuse: (exchange: Exchange, failure: Failure) => void
}

/**
 * The router of requests that leave an application (outbound) or come from outside (gateway): service, route, version, deadline.
 * `service` fixes the service of a listener that is bound to one upstream.
 */
export function createRouter({ policy, random, next, refuse }: RouterParts, service = ''): Stage {
  return exchange => {
    exchange.request.target = normalizePath(exchange.request.target)
    const decided = route(policy.current, exchange, service, random)
    if (decided !== undefined) {
      refuse(exchange, decided)
      return
    }
    if (exchange.direction === 'gateway' && policy.current.upstreams.get(exchange.service)!.upstream.mesh)
      markOutside(exchange.request.fields)
    next(exchange)
  }
}

/** The router of requests for the own application: its deadline, nothing else; who may call was decided before. */
export function createInboundRouter({ policy, next }: Pick<RouterParts, 'policy' | 'next'>): Stage {
  return exchange => {
    const listener = policy.current.listener
    exchange.request.target = normalizePath(exchange.request.target)
    exchange.service = APP
    exchange.route = 'app'
    if (listener !== undefined && listener.app.timeoutMs > 0)
      exchange.deadlineMs = exchange.startedMs + listener.app.timeoutMs
    next(exchange)
  }
}

/** Notes the decision on the exchange, or returns why there is none. */
export function route(
  policy: Policy,
  exchange: Exchange,
  fixedService: string,
  random: () => number,
): Failure | undefined {
  const { request } = exchange
  if (policy.listener === undefined && policy.upstreams.size === 0) return failure('UH', NO_POLICY)
  let outer: Route | undefined
  let service = fixedService
  if (exchange.direction === 'gateway') {
    const path = pathOf(request.target)
    outer = policy.gatewayRoutes(request, path)
    if (outer?.to?.service === undefined) return noGatewayRoute(request.method, path)
    service = outer.to.service
    noteRoute(exchange, outer)
  } else if (service === '') service = serviceOf(policy, request.authority)
  exchange.service = service
  let upstream = policy.upstreams.get(service)
  if (upstream === undefined) return unknownService(policy, request.authority, service)
  // The service's own routes see what the gateway made of the path.
  const inner = outer?.to?.version === undefined ? upstream.routes(request, pathOf(request.target)) : undefined
  if (inner !== undefined) noteRoute(exchange, inner)
  const elsewhere = inner?.to?.service
  if (elsewhere !== undefined && elsewhere !== service) {
    // One step, not a chain: the routes of that service are for those who ask it by name.
    exchange.service = elsewhere
    upstream = policy.upstreams.get(elsewhere)
    if (upstream === undefined) return unknownService(policy, request.authority, elsewhere)
  }
  if (upstream.upstream.protocol === 'tcp') return failure('NR', speaksTcp(exchange.service))
  settle(upstream, exchange, outer, inner, random)
  return undefined
}

/** Notes the deadline and the version, once the service is known. */
function settle(
  policy: UpstreamPolicy,
  exchange: Exchange,
  outer: Route | undefined,
  inner: Route | undefined,
  random: () => number,
): void {
  const { upstream } = policy
  if (exchange.route === '') exchange.route = 'default'
  const timeoutMs = inner?.timeoutMs ?? outer?.timeoutMs ?? upstream.timeoutMs
  exchange.deadlineMs = timeoutMs > 0 ? exchange.startedMs + timeoutMs : 0
  const named = outer?.to?.version ?? inner?.to?.version
  exchange.pinned = named !== undefined
  exchange.version = named ?? chooseVersion(policy, exchange, random) ?? ''
  exchange.weight = upstream.versions[exchange.version]?.weight ?? -1
}

function chooseVersion(
  { upstream, split }: UpstreamPolicy,
  exchange: Exchange,
  random: () => number,
): string | undefined {
  if (upstream.stickiness !== undefined) {
    const key = stickyKeyOf(exchange.request.fields, upstream.stickiness)
    if (key !== '') return pickSticky(split, key)
  }
  return pickByWeight(split, random())
}

function noteRoute(exchange: Exchange, found: Route): void {
  exchange.route = found.name
  if (found.retries !== undefined) exchange.routeRetries = found.retries
  if (found.rewrite !== undefined) rewrite(exchange, found)
}

function rewrite(exchange: Exchange, { match, rewrite: change }: Route): void {
  const { request } = exchange
  if (change?.host !== undefined) request.authority = change.host
  if (change?.pathPrefix === undefined) return
  // What follows begins with a slash, a query, or nothing: a prefix written with its final slash means the same as without.
  const matched = match.path ?? match.pathPrefix?.replace(/\/$/, '') ?? ''
  const rest = request.target.slice(matched.length)
  const joined =
    change.pathPrefix.endsWith('/') && rest.startsWith('/')
      ? change.pathPrefix + rest.slice(1)
      : change.pathPrefix + rest
  request.target = joined.startsWith('/') ? joined : `/${joined}`
}

/** `expense`, `expense:80` and `expense.<trust domain>` name the service expense. */
function serviceOf(policy: Policy, authority: string): string {
  const host = hostOf(authority)
  if (policy.upstreams.has(host)) return host
  const trustDomain = policy.listener?.trustDomain
  if (trustDomain !== undefined && host.endsWith(`.${trustDomain}`)) return host.slice(0, -trustDomain.length - 1)
  return host
}

const NO_POLICY =
  'this proxy has no policy yet, neither from control nor on its disk: GET /ready of its admin port says why'

function noGatewayRoute(method: string, path: string): Failure {
  return failure('NR', `no gateway route matches ${method} ${path}: add one under gateways in the mesh file`)
}

function speaksTcp(service: string): string {
  return `${service} is a tcp service: reach it through a port of its own, --upstream ${service}=<port> of this proxy`
}

function unknownService(policy: Policy, authority: string, service: string): Failure {
  const known = [...policy.upstreams.keys()].slice(0, 10).join(', ') || 'none yet'
  const asked =
    service === ''
      ? `no service can be read from Host ${JSON.stringify(authority)}`
      : `${service} is no service that ${policy.listener?.service ?? 'this proxy'} may call`
  return failure('NR', `${asked} (known here: ${known}): name it as Host, and allow the call in the mesh file`)
}
