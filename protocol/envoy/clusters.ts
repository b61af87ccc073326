import type { Endpoint, Upstream } from '../snapshot.ts'
import { clusterName, duration, socketAddress } from './names.ts'

const lbPolicies = { 'round-robin': 'ROUND_ROBIN', 'least-request': 'LEAST_REQUEST', random: 'RANDOM' } as const

/** config.cluster.v3.Cluster, one per version of an upstream: what weighted_clusters of its routes name. `tls`: their transport socket. */
export function envoyClusters(upstream: Upstream, tls?: Record<string, unknown>): Record<string, unknown>[] {
  const versions = new Set([...Object.keys(upstream.versions), ...upstream.endpoints.map(({ version }) => version)])
  return [...versions].map(version => ({
    ...envoyCluster(upstream, version),
    ...(tls === undefined ? {} : { transport_socket: tls }),
  }))
}

function envoyCluster(upstream: Upstream, version: string): Record<string, unknown> {
  const name = clusterName(upstream.service, version)
  const { limits, passiveHealthCheck } = upstream
  const endpoints = upstream.endpoints.filter(endpoint => endpoint.version === version)
  return {
    '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    name,
    type: 'STATIC',
    connect_timeout: duration(upstream.connectTimeoutMs),
    lb_policy: lbPolicies[upstream.balancing],
    circuit_breakers: {
      thresholds: [
        {
          max_connections: limits.maxConnections,
          max_pending_requests: limits.maxPending,
          max_requests: limits.maxRequests,
          max_retries: limits.maxRetries,
        },
      ],
    },
    ...(passiveHealthCheck === undefined
      ? {}
      : {
          outlier_detection: {
            consecutive_5xx: passiveHealthCheck.maxFailures,
            interval: duration(passiveHealthCheck.intervalMs),
            base_ejection_time: duration(passiveHealthCheck.baseEjectionMs),
            max_ejection_time: duration(passiveHealthCheck.maxEjectionMs),
            max_ejection_percent: Math.round(passiveHealthCheck.maxEjected * 100),
          },
        }),
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints.map(lbEndpoint) }] },
  }
}

function lbEndpoint(endpoint: Endpoint): Record<string, unknown> {
  const health = endpoint.health === 'ejected' ? 'UNHEALTHY' : endpoint.health === 'probing' ? 'DEGRADED' : 'HEALTHY'
  return { endpoint: { address: socketAddress(endpoint.address), hostname: endpoint.id }, health_status: health }
}
