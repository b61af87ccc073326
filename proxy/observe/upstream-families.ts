import { limitNameOutside } from '../http2/limit-names.ts'
import type { ClusterStats, EndpointStats } from '../send/stats.ts'
import { type ComputedFamily, clusterLabels, familiesOf } from './families.ts'

export interface ClusterView {
  stats: ClusterStats
  endpoints: Iterable<EndpointStats>
}

/** Families of connections, limits, the local fuse and membership, per upstream service: Envoy's names. */
export function upstreamFamilies(clusters: () => readonly ClusterView[], localCluster: string): ComputedFamily[] {
  const labelsOf = ({ stats }: ClusterView) => clusterLabels(stats.name, '', localCluster)
  const family = familiesOf(clusters, labelsOf, 'envoy_cluster_')
  const of = (name: string, type: ComputedFamily['type'], help: string, value: (stats: ClusterStats) => number) =>
    family(name, type, help, ({ stats }) => value(stats))
  return [
    of('upstream_rq_active', 'gauge', 'Tries under way.', stats => stats.rqActive),
    of('upstream_rq_pending_active', 'gauge', 'Requests that wait for a connection.', stats => stats.rqPending),
    of(
      'upstream_rq_pending_total',
      'counter',
      'Requests that had to wait for a connection.',
      stats => stats.rqPendingTotal,
    ),
    of(
      'upstream_rq_pending_overflow',
      'unknown',
      'Requests answered at once because too many waited or ran.',
      stats => stats.rqPendingOverflow + stats.rqOverflow,
    ),
    of(
      'upstream_rq_per_try_timeout',
      'unknown',
      'Tries that ran into their own deadline.',
      stats => stats.rqPerTryTimeout,
    ),
    of(
      'upstream_rq_retry_overflow',
      'unknown',
      'Retries that the budget or the limit did not allow.',
      stats => stats.rqRetryOverflow,
    ),
    of(
      'upstream_rq_retry_limit_exceeded',
      'unknown',
      'Requests whose retries were spent.',
      stats => stats.rqRetryLimitExceeded,
    ),
    of('upstream_cx_total', 'counter', 'Connections opened to an upstream.', stats => stats.cxTotal),
    of('upstream_cx_http1_total', 'counter', 'Connections that speak HTTP/1.1.', stats => stats.cxHttp1Total),
    of('upstream_cx_http2_total', 'counter', 'Connections that speak HTTP/2.', stats => stats.cxHttp2Total),
    of('http2_streams_active', 'gauge', 'Requests under way over HTTP/2.', stats => stats.http2StreamsActive),
    of('http2_rx_reset', 'unknown', 'Streams that endpoints reset.', ({ http2 }) => http2.resetsReceived),
    of('http2_tx_reset', 'unknown', 'Streams that the proxy reset.', ({ http2 }) => http2.resetsSent),
    of(
      'http2_rx_messaging_error',
      'unknown',
      'Answers that broke the rules of HTTP/2.',
      ({ http2 }) => http2.malformed,
    ),
    of(
      'http2_goaway_received',
      'unknown',
      'Connections whose endpoint took no more requests.',
      ({ http2 }) => http2.goAwaysReceived,
    ),
    of(
      'http2_keepalive_timeout',
      'unknown',
      'Connections whose endpoint did not answer PING.',
      ({ http2 }) => http2.limits.pingTimeoutMs,
    ),
    {
      name: 'trimtab_upstream_http2_limit_total',
      type: 'counter',
      help: 'How often endpoints met each limit of HTTP/2.',
      // Few do: limits that nobody met are left out, or every upstream would show all of them.
      values: () =>
        clusters().flatMap(({ stats }) =>
          Object.entries(stats.http2.limits)
            .filter(([, met]) => met > 0)
            .map(([limit, value]) => ({
              labels: { ...clusterLabels(stats.name, '', localCluster), limit: limitNameOutside(limit) },
              value,
            })),
        ),
    },
    of(
      'upstream_rq_refused_stream',
      'unknown',
      'Requests sent again at once, because the endpoint had done nothing with them.',
      stats => stats.rqRefused,
    ),
    of('upstream_cx_active', 'gauge', 'Connections open to an upstream.', stats => stats.cxActive),
    of('upstream_cx_connect_fail', 'unknown', 'Connections that could not be made.', stats => stats.cxConnectFail),
    of(
      'upstream_cx_connect_timeout',
      'unknown',
      'Connections that were not made in time.',
      stats => stats.cxConnectTimeout,
    ),
    of('upstream_cx_protocol_error', 'unknown', 'Answers that broke HTTP.', stats => stats.cxProtocolError),
    of(
      'upstream_cx_overflow',
      'unknown',
      'Times that the limit of connections was reached.',
      stats => stats.cxOverflow,
    ),
    of(
      'upstream_cx_none_healthy',
      'unknown',
      'Requests for which no endpoint was left.',
      stats => stats.rqNoHealthyUpstream,
    ),
    of('membership_total', 'gauge', 'Endpoints known.', stats => stats.membershipTotal),
    of('membership_healthy', 'gauge', 'Endpoints that take requests.', stats => stats.membershipHealthy),
    of(
      'outlier_detection_ejections_active',
      'gauge',
      'Endpoints that the local fuse holds out.',
      stats => stats.ejectionsActive,
    ),
    of(
      'outlier_detection_ejections_enforced_total',
      'counter',
      'Ejections by the local fuse.',
      stats => stats.ejectionsTotal,
    ),
    of(
      'outlier_detection_ejections_enforced_consecutive_5xx',
      'unknown',
      'Ejections for failures in a row: all of them.',
      stats => stats.ejectionsTotal,
    ),
    of(
      'outlier_detection_ejections_overflow',
      'unknown',
      'Ejections that the allowed share forbade.',
      stats => stats.ejectionsOverflow,
    ),
    of(
      'lb_healthy_panic',
      'unknown',
      '1 while too few endpoints are healthy and the fuse is ignored.',
      stats => stats.panic,
    ),
  ]
}
