import type { TcpStats } from '../accept/stats.ts'
import type { ConnectionTotals, ConnectionTraffic, TimeTotals } from './connection-traffic.ts'
import { type ComputedFamily, clusterLabels, type FamilyValue, familiesOf } from './families.ts'
import type { ListenerCounts } from './listener-families.ts'
import { timeBoundsMs } from './time-bounds.ts'
import type { ClusterView } from './upstream-families.ts'

/** Families of TCP connections, per listener and per upstream: Envoy's names. */
export function tcpFamilies(
  listeners: () => readonly ListenerCounts[],
  clusters: () => readonly ClusterView[],
  traffic: ConnectionTraffic,
  localCluster: string,
): ComputedFamily[] {
  return [
    ...downstreamFamilies(listeners, localCluster),
    ...upstreamByteFamilies(clusters, localCluster),
    timeFamily('length', 'Time from a TCP connection to its end, in milliseconds.', traffic, localCluster),
    timeFamily('connect', 'Time until a TCP connection to an endpoint stood, in milliseconds.', traffic, localCluster),
  ]
}

function downstreamFamilies(listeners: () => readonly ListenerCounts[], localCluster: string): ComputedFamily[] {
  const labelsOf = ({ name }: ListenerCounts) => ({ envoy_tcp_prefix: name, local_cluster: localCluster })
  const family = familiesOf(listeners, labelsOf)
  const of = (name: string, type: ComputedFamily['type'], help: string, value: (tcp: TcpStats) => number) =>
    family(name, type, help, ({ stats }) => value(stats.tcp))
  return [
    of('envoy_tcp_downstream_cx_total', 'counter', 'TCP connections taken.', tcp => tcp.cxTotal),
    of('trimtab_tcp_downstream_cx_active', 'gauge', 'TCP connections open.', tcp => tcp.cxActive),
    of('envoy_tcp_downstream_cx_no_route', 'unknown', 'TCP connections that had nowhere to go.', tcp => tcp.cxNoRoute),
    of('envoy_tcp_downstream_cx_rx_bytes_total', 'counter', 'Bytes that clients of TCP sent.', tcp => tcp.rxBytes),
    of('envoy_tcp_downstream_cx_tx_bytes_total', 'counter', 'Bytes sent to clients of TCP.', tcp => tcp.txBytes),
    of(
      'envoy_tcp_idle_timeout',
      'unknown',
      'TCP connections through which nothing passed too long.',
      tcp => tcp.idleTimeout,
    ),
  ]
}

function upstreamByteFamilies(clusters: () => readonly ClusterView[], localCluster: string): ComputedFamily[] {
  const labelsOf = ({ stats }: ClusterView) => clusterLabels(stats.name, '', localCluster)
  const of = familiesOf(clusters, labelsOf, 'envoy_cluster_upstream_cx_')
  return [
    of('rx_bytes_total', 'counter', 'Bytes of TCP connections that endpoints sent.', ({ stats }) => stats.tcp.rxBytes),
    of('tx_bytes_total', 'counter', 'Bytes of TCP connections sent to endpoints.', ({ stats }) => stats.tcp.txBytes),
    of(
      'idle_timeout',
      'unknown',
      'TCP connections through which nothing passed too long.',
      ({ stats }) => stats.tcp.idleTimeout,
    ),
  ]
}

function timeFamily(
  what: 'length' | 'connect',
  help: string,
  traffic: ConnectionTraffic,
  localCluster: string,
): ComputedFamily {
  const name = `envoy_cluster_upstream_cx_${what}_ms`
  return {
    name,
    type: 'histogram',
    help,
    values: () =>
      [...traffic.totals.values()].flatMap((totals: ConnectionTotals) =>
        timeValues(name, totals[what], clusterLabels(totals.service, totals.version, localCluster)),
      ),
  }
}

function timeValues(
  name: string,
  { buckets, sumMs, count }: TimeTotals,
  labels: Record<string, string>,
): FamilyValue[] {
  const values: FamilyValue[] = []
  let below = 0
  for (let bucket = 0; bucket <= timeBoundsMs.length; bucket++) {
    below += buckets[bucket]!
    const le = bucket < timeBoundsMs.length ? String(timeBoundsMs[bucket]) : '+Inf'
    values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: below })
  }
  return [
    ...values,
    { metricName: `${name}_sum`, labels, value: sumMs },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
