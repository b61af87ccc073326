import { clusterName } from '../../protocol/envoy/names.ts'
import { APP } from '../exchange.ts'
import type { EndpointStats } from '../send/stats.ts'
import type { AdminView } from './view.ts'

/** GET /clusters: Envoy's text, `cluster::host::name::value`. */
export function clustersText(view: AdminView): string {
  const lines: string[] = []
  for (const { name, endpoints } of perVersion(view)) {
    const limits = view.policy().upstreams.get(endpoints.service)?.upstream.limits
    lines.push(`${name}::observability_name::${name}`)
    if (limits !== undefined) {
      lines.push(
        `${name}::default_priority::max_connections::${limits.maxConnections}`,
        `${name}::default_priority::max_pending_requests::${limits.maxPending}`,
      )
      lines.push(
        `${name}::default_priority::max_requests::${limits.maxRequests}`,
        `${name}::default_priority::max_retries::${limits.maxRetries}`,
      )
    }
    for (const endpoint of endpoints.list) {
      const host = `${name}::${endpoint.address}`
      lines.push(
        `${host}::cx_active::${endpoint.cxActive}`,
        `${host}::cx_connect_fail::${endpoint.cxConnectFail}`,
        `${host}::cx_total::${endpoint.cxTotal}`,
      )
      lines.push(
        `${host}::rq_active::${endpoint.rqActive}`,
        `${host}::rq_error::${endpoint.rqError}`,
        `${host}::rq_success::${endpoint.rqSuccess}`,
      )
      lines.push(
        `${host}::rq_timeout::${endpoint.rqTimeout}`,
        `${host}::rq_total::${endpoint.rqTotal}`,
        `${host}::hostname::${endpoint.id}`,
      )
      lines.push(
        `${host}::health_flags::${healthFlags(endpoint)}`,
        `${host}::weight::1`,
        `${host}::zone::${endpoint.zone}`,
      )
      if (endpoint.why !== '') lines.push(`${host}::why::${endpoint.why}`)
    }
  }
  return `${lines.join('\n')}\n`
}

/** GET /clusters?format=json: Envoy's admin.v3.Clusters. */
export function clustersJson(view: AdminView): unknown {
  return {
    cluster_statuses: perVersion(view).map(({ name, endpoints }) => ({
      name,
      observability_name: name,
      host_statuses: endpoints.list.map(endpoint => ({
        address: addressJson(endpoint.address),
        hostname: endpoint.id,
        weight: 1,
        locality: { zone: endpoint.zone },
        stats: (
          ['cxActive', 'cxConnectFail', 'cxTotal', 'rqActive', 'rqError', 'rqSuccess', 'rqTimeout', 'rqTotal'] as const
        ).map(field => ({
          name: field.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`),
          type: field.endsWith('Active') ? 'GAUGE' : 'COUNTER',
          value: String(endpoint[field]),
        })),
        health_status: {
          eds_health_status:
            endpoint.state === 'ejected' ? 'UNHEALTHY' : endpoint.state === 'probing' ? 'DEGRADED' : 'HEALTHY',
          ...(endpoint.state === 'fused' || endpoint.state === 'half-open' ? { failed_outlier_check: true } : {}),
        },
        ...(endpoint.why === ''
          ? {}
          : {
              trimtab: {
                state: endpoint.state,
                why: endpoint.why,
                forMs: Math.max(0, Math.round(endpoint.untilMs - view.clock.now())),
              },
            }),
      })),
    })),
  }
}

interface VersionCluster {
  name: string
  endpoints: { service: string; list: EndpointStats[] }
}

/** Envoy has a cluster per version; ours have one per service. */
function perVersion(view: AdminView): VersionCluster[] {
  return view.clusters().flatMap(({ stats, endpoints: live }) => {
    const endpoints = [...live]
    if (stats.name === APP) return [{ name: 'local_app', endpoints: { service: APP, list: endpoints } }]
    const versions = new Set([
      ...Object.keys(view.policy().upstreams.get(stats.name)?.upstream.versions ?? {}),
      ...endpoints.map(({ version }) => version),
    ])
    return [...versions].map(version => ({
      name: clusterName(stats.name, version),
      endpoints: { service: stats.name, list: endpoints.filter(endpoint => endpoint.version === version) },
    }))
  })
}

function healthFlags(endpoint: EndpointStats): string {
  if (endpoint.state === 'fused' || endpoint.state === 'half-open') return '/failed_outlier_check'
  if (endpoint.state === 'ejected') return '/failed_eds_health'
  return endpoint.state === 'probing' ? '/degraded_eds_health' : 'healthy'
}

function addressJson(address: string): unknown {
  const at = address.lastIndexOf(':')
  return { socket_address: { address: address.slice(0, at), port_value: Number(address.slice(at + 1)) } }
}
