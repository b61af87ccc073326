import { clusterName, socketAddress } from './names.ts'

/** What a listener of the proxy is, for Envoy's eyes. */
export interface ListenerShape {
  name: string
  address: string
  direction: 'inbound' | 'outbound' | 'gateway'
  /** The route configuration that it uses, or the cluster that everything goes to. */
  routeConfig?: string
  cluster?: string
  /** Transport socket of TLS; undefined: clear text. */
  tls?: Record<string, unknown> | undefined
  /** Clear text is taken beside it. */
  alsoPlain?: boolean
  /** Share of new traces that is kept, 0..1. */
  sample: number
  spansCollector: string | undefined
  sharedSpanContext: boolean
  /** HTTP filters that come before the router, or network filters that come before the TCP proxy. */
  filters?: readonly Record<string, unknown>[]
  /** It carries TCP: the configuration of its TCP proxy. */
  tcp?: Record<string, unknown> | undefined
}

/** config.listener.v3.Listener with its HTTP connection manager. */
export function envoyListener(listener: ListenerShape): Record<string, unknown> {
  const trafficDirection = listener.direction === 'outbound' ? 'OUTBOUND' : 'INBOUND'
  return {
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    name: listener.name,
    address: socketAddress(listener.address),
    traffic_direction: trafficDirection,
    ...(listener.tls === undefined ? {} : { listener_filters: [tlsInspector] }),
    filter_chains: chainsOf(listener),
  }
}

const tlsInspector = {
  name: 'envoy.filters.listener.tls_inspector',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
  },
}

/** One chain, or one for each way in where both TLS and clear text are taken. */
function chainsOf(listener: ListenerShape): Record<string, unknown>[] {
  const plain = { filters: filtersOf(listener) }
  if (listener.tls === undefined) return [plain]
  const secured = { ...plain, transport_socket: listener.tls }
  if (listener.alsoPlain !== true) return [secured]
  return [{ filter_chain_match: { transport_protocol: 'tls' }, ...secured }, plain]
}

function filtersOf(listener: ListenerShape): Record<string, unknown>[] {
  if (listener.tcp !== undefined) return [...(listener.filters ?? []), listener.tcp]
  return [
    {
      name: 'envoy.filters.network.http_connection_manager',
      typed_config: {
        '@type':
          'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
        stat_prefix: listener.name,
        ...routesOf(listener),
        http_filters: [
          ...(listener.filters ?? []),
          {
            name: 'envoy.filters.http.router',
            typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
          },
        ],
        tracing: tracingOf(listener),
      },
    },
  ]
}

function routesOf({ name, routeConfig, cluster }: ListenerShape): Record<string, unknown> {
  if (routeConfig !== undefined)
    return { rds: { route_config_name: routeConfig, config_source: { ads: {}, resource_api_version: 'V3' } } }
  const target = cluster ?? clusterName('unknown', '')
  return {
    route_config: {
      name,
      virtual_hosts: [{ name, domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: target } }] }],
    },
  }
}

function tracingOf({ sample, spansCollector, sharedSpanContext }: ListenerShape): Record<string, unknown> {
  return {
    random_sampling: { value: sample * 100 },
    ...(spansCollector === undefined
      ? {}
      : {
          provider: {
            name: 'envoy.tracers.zipkin',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.config.trace.v3.ZipkinConfig',
              collector_cluster: spansCollector,
              collector_endpoint: '/api/v2/spans',
              collector_endpoint_version: 'HTTP_JSON',
              shared_span_context: sharedSpanContext,
            },
          },
        }),
  }
}
