import type { ComputedFamily, FamilyValue } from './families.ts'
import type { SpanCounters } from './span-shipper.ts'
import type { TraceCounters } from './trace.ts'

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
