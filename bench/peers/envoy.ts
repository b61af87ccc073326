import { writeFileSync } from 'node:fs'
import { type Measured, PROXY_CORE, start } from '../support/process.ts'
import type { World } from '../support/world.ts'
import type { TlsFiles } from './nginx.ts'

export interface EnvoyShape {
  port: number
  /** Two versions of two endpoints each. */
  versions: Readonly<Record<string, readonly number[]>>
  /** With what a Trimtab proxy has on: spans of every request, weights, retries, breakers, outlier detection. */
  features: boolean
  /** HTTP/2 in clear text on both sides; default: HTTP/1.1. */
  http2?: boolean
  /** Clients speak HTTP/1.1 all the same. */
  http1Clients?: boolean
  /** One side of an mTLS pair: \`in\` takes TLS, \`out\` speaks it to its endpoints, which must prove \`peer\`. */
  tls?: { side: 'in' | 'out'; files: TlsFiles; peer: string }
}

export async function envoy(
  program: string,
  world: Pick<World, 'folder' | 'take' | 'sinkPort'>,
  shape: EnvoyShape,
): Promise<Measured> {
  const file = `${world.folder}/envoy-${shape.tls?.side ?? (shape.features ? 'full' : 'bare')}.json`
  writeFileSync(file, JSON.stringify(config(shape, { adminPort: await world.take(), sinkPort: world.sinkPort })))
  return start([program, '--concurrency', '1', '--disable-hot-restart', '-l', 'error', '-c', file], {
    core: PROXY_CORE,
    ready: { host: '127.0.0.1', port: shape.port },
  })
}

/** Envoy carrying TCP as it is. */
export async function envoyTcp(
  program: string,
  folder: string,
  core: number,
  { port, adminPort, upstream }: { port: number; adminPort: number; upstream: number },
): Promise<Measured> {
  const file = `${folder}/envoy-tcp.json`
  const proxy = {
    '@type': typed('extensions.filters.network.tcp_proxy.v3.TcpProxy'),
    stat_prefix: 'ingress',
    cluster: 'far',
  }
  const filters = [{ name: 'envoy.filters.network.tcp_proxy', typed_config: proxy }]
  const config = {
    admin: { address: address(adminPort) },
    node: { id: 'bench', cluster: 'bench' },
    static_resources: {
      listeners: [{ name: 'ingress', address: address(port), filter_chains: [{ filters }] }],
      clusters: [cluster('far', [upstream], true, {})],
    },
  }
  writeFileSync(file, JSON.stringify(config))
  return start([program, '--concurrency', '1', '--disable-hot-restart', '-l', 'error', '-c', file], {
    core,
    ready: { host: '127.0.0.1', port },
  })
}

const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } })
const typed = (name: string) => `type.googleapis.com/envoy.${name}`

function config(shape: EnvoyShape, { adminPort, sinkPort }: { adminPort: number; sinkPort: number }): unknown {
  const names = Object.keys(shape.versions)
  const target = shape.features
    ? { weighted_clusters: { clusters: names.map(name => ({ name, weight: 50 })) } }
    : { cluster: names[0] }
  const retry = { retry_on: '5xx,connect-failure', num_retries: 2, per_try_timeout: '3s' }
  const manager = {
    '@type': typed('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'ingress',
    codec_type: shape.http2 === true && shape.http1Clients !== true ? 'HTTP2' : 'HTTP1',
    ...(shape.features
      ? {
          use_remote_address: true,
          generate_request_id: true,
          normalize_path: true,
          merge_slashes: true,
          tracing: tracing(),
        }
      : { generate_request_id: false }),
    route_config: {
      name: 'local',
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            {
              match: { prefix: '/' },
              route: { ...target, timeout: '15s', ...(shape.features ? { retry_policy: retry } : {}) },
            },
          ],
        },
      ],
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': typed('extensions.filters.http.router.v3.Router') },
      },
    ],
  }
  return {
    admin: { address: address(adminPort) },
    node: { id: 'bench', cluster: 'bench' },
    static_resources: {
      listeners: [
        {
          name: 'ingress',
          address: address(shape.port),
          filter_chains: [
            {
              ...(shape.tls?.side === 'in' ? transport(shape.tls, 'Downstream') : {}),
              filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
            },
          ],
        },
      ],
      clusters: [
        ...Object.entries(shape.versions).map(([name, ports]) =>
          cluster(name, ports, shape.features, {
            ...(shape.tls?.side === 'out' ? transport(shape.tls, 'Upstream') : {}),
            ...(shape.http2 === true ? http2Only : {}),
          }),
        ),
        cluster('spans', [sinkPort], false, {}),
      ],
    },
  }
}

function transport({ files, peer }: NonNullable<EnvoyShape['tls']>, direction: 'Downstream' | 'Upstream'): object {
  const file = (filename: string) => ({ filename })
  const only13 = { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' }
  return {
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': typed(`extensions.transport_sockets.tls.v3.${direction}TlsContext`),
        ...(direction === 'Downstream' ? { require_client_certificate: true } : {}),
        common_tls_context: {
          alpn_protocols: ['http/1.1'],
          tls_params: only13,
          tls_certificates: [{ certificate_chain: file(files.cert), private_key: file(files.key) }],
          validation_context: {
            trusted_ca: file(files.ca),
            match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peer } }],
          },
        },
      },
    },
  }
}

const http2Only = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': typed('extensions.upstreams.http.v3.HttpProtocolOptions'),
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
}

function tracing(): unknown {
  return {
    random_sampling: { value: 100 },
    provider: {
      name: 'envoy.tracers.zipkin',
      typed_config: {
        '@type': typed('config.trace.v3.ZipkinConfig'),
        collector_cluster: 'spans',
        collector_endpoint: '/api/v2/spans',
        collector_endpoint_version: 'HTTP_JSON',
        collector_hostname: 'spans',
        shared_span_context: false,
      },
    },
  }
}

function cluster(name: string, ports: readonly number[], features: boolean, more: object): unknown {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    ...more,
    lb_policy: features ? 'LEAST_REQUEST' : 'ROUND_ROBIN',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: ports.map(port => ({ endpoint: { address: address(port) } })) }],
    },
    ...(features
      ? {
          circuit_breakers: {
            thresholds: [
              {
                max_connections: 1024,
                max_pending_requests: 1024,
                max_requests: 1024,
                retry_budget: { budget_percent: { value: 20 }, min_retry_concurrency: 3 },
              },
            ],
          },
          outlier_detection: { consecutive_5xx: 3, interval: '10s', base_ejection_time: '30s' },
        }
      : {}),
  }
}
