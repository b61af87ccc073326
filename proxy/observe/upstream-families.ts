import type { ListenerStats } from '../accept/stats.ts'
import { limitNameOutside } from '../http2/limit-names.ts'
import type { ClusterStats, EndpointStats } from '../send/stats.ts'
import { type ComputedFamily, clusterLabels, type FamilyValue, familiesOf } from './families.ts'
import type { SpanCounters } from './span-shipper.ts'
import type { TraceCounters } from './trace.ts'

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

export interface ListenerCounts {
  name: string
  stats: ListenerStats
}

/** Families of what comes in, per listener. */
export function listenerFamilies(listeners: () => readonly ListenerCounts[], localCluster: string): ComputedFamily[] {
  const of = (
    name: string,
    type: ComputedFamily['type'],
    help: string,
    value: (stats: ListenerStats) => number,
  ): ComputedFamily => ({
    name,
    type,
    help,
    values: () =>
      listeners().map(listener => ({
        labels: { envoy_listener_address: listener.name, local_cluster: localCluster },
        value: value(listener.stats),
      })),
  })
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

export interface ProxyFacts {
  epoch: () => number
  controlConnected: () => boolean
  reportConnected: () => boolean
  reportDroppedLines: () => number
  spans: SpanCounters
  spansQueued: () => number
  trace: TraceCounters
  live: () => boolean
  /** Undefined: there is no application beside this proxy. */
  appReachable: () => boolean | undefined
  startedWallMs: number
  accessLogDropped: () => number
}

/** Families of the proxy itself; what Envoy has no name for is trimtab_*. */
export function proxyFamilies(
  facts: ProxyFacts,
  build: { version: string; service: string; serviceVersion: string; instance: string },
): ComputedFamily[] {
  const one = (name: string, type: ComputedFamily['type'], help: string, value: () => number): ComputedFamily => ({
    name,
    type,
    help,
    values: (): FamilyValue[] => [{ labels: {}, value: value() }],
  })
  const { spans, trace } = facts
  return [
    one('envoy_server_live', 'gauge', '1 when the proxy takes requests.', () => Number(facts.live())),
    {
      name: 'trimtab_proxy_app_up',
      type: 'gauge',
      help: '1 while the application takes connections.',
      values: () => (facts.appReachable() === undefined ? [] : [{ labels: {}, value: Number(facts.appReachable()) }]),
    },
    one('envoy_server_uptime', 'gauge', 'Seconds since the start.', () => process.uptime()),
    one(
      'process_start_time_seconds',
      'gauge',
      'Start of the proxy, in seconds since 1970.',
      () => facts.startedWallMs / 1000,
    ),
    one('trimtab_proxy_resident_memory_bytes', 'gauge', 'Resident memory of the proxy.', () =>
      process.memoryUsage.rss(),
    ),
    one(
      'trimtab_proxy_cpu_seconds_total',
      'counter',
      'CPU time of the proxy.',
      () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
    ),
    one('trimtab_proxy_policy_epoch', 'gauge', 'Epoch of the snapshot in force.', facts.epoch),
    one('trimtab_proxy_control_connected', 'gauge', "1 while control's stream is open.", () =>
      Number(facts.controlConnected()),
    ),
    one('trimtab_proxy_report_connected', 'gauge', '1 while the collector hears the traffic report.', () =>
      Number(facts.reportConnected()),
    ),
    one(
      'trimtab_proxy_report_lines_dropped_total',
      'counter',
      'Report lines dropped because the collector was away too long.',
      facts.reportDroppedLines,
    ),
    one('trimtab_proxy_spans_total', 'counter', 'Spans made.', () => spans.added),
    one('trimtab_proxy_spans_sent_total', 'counter', 'Spans acknowledged by the collector.', () => spans.sent),
    {
      name: 'trimtab_proxy_spans_dropped_total',
      type: 'counter',
      help: 'Spans lost, by reason.',
      values: () => [
        { labels: { reason: 'queue_full' }, value: spans.droppedFull },
        { labels: { reason: 'refused' }, value: spans.droppedRefused },
      ],
    },
    one('trimtab_proxy_spans_queued', 'gauge', 'Spans not sent yet.', facts.spansQueued),
    one(
      'trimtab_proxy_span_send_failures_total',
      'counter',
      'Posts of spans that failed and are repeated.',
      () => spans.failures,
    ),
    one('trimtab_proxy_traces_continued_total', 'counter', 'Requests that came with a trace.', () => trace.continued),
    one('trimtab_proxy_traces_started_total', 'counter', 'Requests that began a trace here.', () => trace.started),
    one(
      'trimtab_proxy_trace_headers_malformed_total',
      'counter',
      'Trace headers that could not be read.',
      () => trace.malformed,
    ),
    one(
      'trimtab_proxy_trace_headers_disagreed_total',
      'counter',
      'Requests whose trace headers named different traces.',
      () => trace.disagreed,
    ),
    one(
      'trimtab_proxy_access_log_lines_dropped_total',
      'counter',
      'Access log lines that could not be written in time.',
      facts.accessLogDropped,
    ),
    {
      name: 'trimtab_proxy_build_info',
      type: 'gauge',
      help: 'Always 1; who this is.',
      values: () => [
        {
          labels: {
            version: build.version,
            service: build.service,
            service_version: build.serviceVersion,
            instance_id: build.instance,
          },
          value: 1,
        },
      ],
    },
  ]
}
