import { limitNameOutside } from '../http2/limit-names.ts'
import type { Http2Limits } from '../http2/limits.ts'
import type { Http2Stats } from '../http2/stats.ts'
import { type ComputedFamily, familiesOf } from './families.ts'
import type { ListenerCounts } from './listener-families.ts'

type Limit = keyof Http2Limits

/** Limits whose counters Envoy has names for, too: one of its may stand for several of ours. */
const envoyLimits: Record<string, { help: string; limits: readonly Limit[] }> = {
  header_overflow: {
    help: 'Heads that were too large.',
    limits: ['headerListBytesMax', 'headerFieldsMax', 'headerBlockBytesMax', 'continuationFramesMax'],
  },
  inbound_empty_frames_flood: {
    help: 'Connections ended for DATA frames without data.',
    limits: ['emptyDataFramesMax'],
  },
  inbound_priority_frames_flood: {
    help: 'Connections ended for PRIORITY and other frames that mean nothing.',
    limits: ['ignoredFramesBurst'],
  },
  inbound_window_update_frames_flood: {
    help: 'Connections ended for WINDOW_UPDATE frames.',
    limits: ['windowUpdatesBurst'],
  },
  outbound_control_flood: {
    help: 'Connections ended for replies that were asked for and not read.',
    limits: ['unsentControlBytesMax'],
  },
  outbound_flood: { help: 'Connections ended for answers that were not read.', limits: ['unsentBytesMax'] },
  keepalive_timeout: { help: 'Connections whose far end did not answer PING.', limits: ['pingTimeoutMs'] },
  tx_flush_timeout: { help: 'Streams of which nothing was read for too long.', limits: ['stalledStreamMs'] },
  stream_refused_errors: {
    help: 'Streams beyond the number that may be open at once.',
    limits: ['concurrentStreamsMax'],
  },
}

/** Families of HTTP/2 on the listeners: Envoy's names, and ours for each limit by its own. */
export function http2Families(listeners: () => readonly ListenerCounts[], localCluster: string): ComputedFamily[] {
  const labelsOf = ({ name }: ListenerCounts) => ({ envoy_listener_address: name, local_cluster: localCluster })
  const of = familiesOf(listeners, labelsOf)
  const envoy = (name: string, help: string, value: (stats: Http2Stats) => number): ComputedFamily =>
    of(`envoy_http2_${name}`, 'unknown', help, ({ stats }) => value(stats.http2))
  return [
    of('envoy_http_downstream_cx_http2_total', 'counter', 'HTTP/2 connections.', ({ stats }) => stats.cxHttp2Total),
    of(
      'envoy_http_downstream_cx_http2_active',
      'gauge',
      'HTTP/2 connections open.',
      ({ stats }) => stats.cxHttp2Active,
    ),
    of(
      'envoy_http2_streams_active',
      'gauge',
      'Requests under way over HTTP/2.',
      ({ stats }) => stats.http2StreamsActive,
    ),
    envoy('rx_reset', 'Streams that clients reset.', stats => stats.resetsReceived),
    envoy('tx_reset', 'Streams that the proxy reset.', stats => stats.resetsSent),
    envoy('rx_messaging_error', 'Messages that broke the rules of HTTP.', stats => stats.malformed),
    ...Object.entries(envoyLimits).map(([name, { help, limits }]) =>
      envoy(name, help, stats => limits.reduce((sum, limit) => sum + stats.limits[limit], 0)),
    ),
    of(
      'trimtab_http2_connection_errors_total',
      'counter',
      'HTTP/2 connections that the proxy ended for an error of the client, limits included.',
      ({ stats }) => stats.http2.connectionErrors,
    ),
    {
      name: 'trimtab_http2_limit_total',
      type: 'counter',
      help: 'How often each limit of HTTP/2 was met.',
      values: () =>
        listeners().flatMap(listener =>
          Object.entries(listener.stats.http2.limits).map(([limit, value]) => ({
            labels: { ...labelsOf(listener), limit: limitNameOutside(limit) },
            value,
          })),
        ),
    },
  ]
}
