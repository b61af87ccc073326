import type { Upstream } from '../snapshot.ts'
import { clusterName, duration } from './names.ts'

/** The network filter envoy.filters.network.tcp_proxy in front of one cluster. */
export function envoyTcpProxy(name: string, cluster: string, idleTimeoutMs: number): Record<string, unknown> {
  return tcpProxy(name, { cluster }, idleTimeoutMs, 0)
}

/** The same in front of an upstream: one cluster per version, by weight. */
export function envoyWeightedTcpProxy(
  name: string,
  { service, versions, idleTimeoutMs, retries }: Upstream,
): Record<string, unknown> {
  const clusters = Object.entries(versions)
    .filter(([, { weight }]) => weight > 0)
    .map(([version, { weight }]) => ({ name: clusterName(service, version), weight }))
  const target = clusters.length === 1 ? { cluster: clusters[0]!.name } : { weighted_clusters: { clusters } }
  return tcpProxy(name, target, idleTimeoutMs, retries.attempts)
}

function tcpProxy(
  name: string,
  target: Record<string, unknown>,
  idleTimeoutMs: number,
  retries: number,
): Record<string, unknown> {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      stat_prefix: name,
      ...target,
      idle_timeout: duration(idleTimeoutMs),
      max_connect_attempts: retries + 1,
    },
  }
}
