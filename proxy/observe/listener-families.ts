import type { ListenerStats } from '../accept/stats.ts'
import { type ComputedFamily, familiesOf } from './families.ts'

export interface ListenerCounts {
  name: string
  stats: ListenerStats
}

/** Families of what comes in, per listener. */
export function listenerFamilies(listeners: () => readonly ListenerCounts[], localCluster: string): ComputedFamily[] {
  const labelsOf = ({ name }: ListenerCounts) => ({ envoy_listener_address: name, local_cluster: localCluster })
  const family = familiesOf(listeners, labelsOf)
  const of = (name: string, type: ComputedFamily['type'], help: string, value: (stats: ListenerStats) => number) =>
    family(name, type, help, ({ stats }) => value(stats))
  return [
    of('envoy_listener_downstream_cx_total', 'counter', 'Connections accepted.', stats => stats.cxTotal),
    of('envoy_listener_downstream_cx_active', 'gauge', 'Connections open.', stats => stats.cxActive),
    of(
      'envoy_listener_downstream_cx_overflow',
      'unknown',
      'Connections refused because the listener was full.',
      stats => stats.cxOverflow,
    ),
    of(
      'trimtab_listener_requests_rejected_total',
      'counter',
      'Requests that broke HTTP and were answered without being forwarded.',
      stats => stats.rqRejected,
    ),
    of(
      'trimtab_listener_request_timeouts_total',
      'counter',
      'Requests whose head or body came too slowly.',
      stats => stats.rqTimeout,
    ),
    of('trimtab_listener_tunnels_active', 'gauge', 'WebSocket and CONNECT tunnels open.', stats => stats.tunnelsActive),
  ]
}
