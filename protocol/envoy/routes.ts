import type { Retries, Route, RouteMatch, Upstream } from '../snapshot.ts'
import type { TextMatch } from '../text-match.ts'
import { clusterName, duration } from './names.ts'

/** config.route.v3.RouteConfiguration of one upstream: its routes in order, then the split by weight. */
export function envoyRouteConfig(upstream: Upstream): Record<string, unknown> {
  const own = upstream.routes.map(route =>
    envoyRoute(
      route,
      route.to?.version === undefined
        ? weighted(upstream)
        : { cluster: clusterName(upstream.service, route.to.version) },
      upstream,
    ),
  )
  const rest = {
    name: 'default',
    match: { prefix: '/' },
    route: { ...weighted(upstream), ...policyOf(upstream, undefined, undefined) },
  }
  return {
    '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
    name: upstream.service,
    virtual_hosts: [
      { name: upstream.service, domains: [upstream.service, `${upstream.service}:*`], routes: [...own, rest] },
    ],
  }
}

/** RouteConfiguration of a gateway: each route leads to the split of the service that it names. */
export function envoyGatewayRouteConfig(
  name: string,
  routes: readonly Route[],
  upstreams: ReadonlyMap<string, Upstream>,
): Record<string, unknown> {
  const known = routes.flatMap(route => {
    const upstream = upstreams.get(route.to?.service ?? '')
    if (upstream === undefined) return []
    const action =
      route.to?.version === undefined
        ? weighted(upstream)
        : { cluster: clusterName(upstream.service, route.to.version) }
    return [envoyRoute(route, action, upstream)]
  })
  return {
    '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
    name,
    virtual_hosts: [{ name, domains: ['*'], routes: known }],
  }
}

function envoyRoute(route: Route, action: Record<string, unknown>, upstream: Upstream): Record<string, unknown> {
  const rewrite = {
    ...(route.rewrite?.pathPrefix === undefined ? {} : { prefix_rewrite: route.rewrite.pathPrefix }),
    ...(route.rewrite?.host === undefined ? {} : { host_rewrite_literal: route.rewrite.host }),
  }
  return {
    name: route.name,
    match: envoyMatch(route.match),
    route: { ...action, ...rewrite, ...policyOf(upstream, route.timeoutMs, route.retries) },
  }
}

function weighted({ service, versions }: Upstream): Record<string, unknown> {
  const clusters = Object.entries(versions).map(([version, { weight }]) => ({
    name: clusterName(service, version),
    weight,
  }))
  return { weighted_clusters: { clusters, total_weight: clusters.reduce((sum, { weight }) => sum + weight, 0) } }
}

function policyOf(
  upstream: Upstream,
  timeoutMs: number | undefined,
  routeRetries: Retries | undefined,
): Record<string, unknown> {
  const retries = routeRetries ?? upstream.retries
  return {
    timeout: duration(timeoutMs ?? upstream.timeoutMs),
    ...(retries.attempts === 0
      ? {}
      : {
          retry_policy: {
            retry_on: retries.on.join(','),
            num_retries: retries.attempts,
            per_try_timeout: duration(retries.perTryTimeoutMs),
            retriable_status_codes: retries.statusCodes,
            retry_back_off: {
              base_interval: duration(retries.backoffBaseMs),
              max_interval: duration(retries.backoffMaxMs),
            },
          },
        }),
  }
}

function envoyMatch(match: RouteMatch): Record<string, unknown> {
  const path =
    match.path !== undefined
      ? { path: match.path }
      : match.pathRegex !== undefined
        ? { safe_regex: { regex: match.pathRegex } }
        : match.pathPrefix !== undefined && match.pathPrefix !== '/'
          ? { path_separated_prefix: match.pathPrefix.replace(/\/$/, '') }
          : { prefix: '/' }
  const headers = [
    ...Object.entries(match.headers ?? {}).map(([name, text]) => headerMatcher(name, text)),
    ...(match.methods === undefined
      ? []
      : [{ name: ':method', string_match: { safe_regex: { regex: match.methods.join('|') } } }]),
    ...(match.hosts === undefined
      ? []
      : [{ name: ':authority', string_match: { safe_regex: { regex: match.hosts.map(hostRegex).join('|') } } }]),
  ]
  const query = Object.entries(match.query ?? {}).map(([name, text]) =>
    text.present === undefined ? { name, string_match: stringMatch(text) } : { name, present_match: text.present },
  )
  return {
    ...path,
    ...(headers.length === 0 ? {} : { headers }),
    ...(query.length === 0 ? {} : { query_parameters: query }),
  }
}

function headerMatcher(name: string, text: TextMatch): Record<string, unknown> {
  return text.present === undefined ? { name, string_match: stringMatch(text) } : { name, present_match: text.present }
}

function stringMatch(text: TextMatch): Record<string, unknown> {
  if (text.exact !== undefined) return { exact: text.exact }
  if (text.prefix !== undefined) return { prefix: text.prefix }
  return { safe_regex: { regex: text.regex ?? '.*' } }
}

const hostRegex = (host: string): string => host.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace('*', '[^.]+(\\.[^.]+)*')
