import type { Metric, MetricObjectWithValues, MetricValue } from 'prom-client'
import { Registry } from '../../runtime/metric-registry.ts'
import { APP } from '../exchange.ts'
import { GRPC_STATUS_NAMES } from '../grpc.ts'
import { timeBoundsMs } from './time-bounds.ts'
import type { Exemplar, Totals, Traffic } from './traffic.ts'

/** A family that is computed at scrape from counters kept elsewhere: requests pay nothing for it. */
export interface ComputedFamily {
  name: string
  help: string
  /** `unknown`: a counter of Envoy's whose name lacks _total, which OpenMetrics would add and dashboards would miss. */
  type: 'counter' | 'gauge' | 'histogram' | 'unknown'
  values: () => FamilyValue[]
}

export interface FamilyValue {
  metricName?: string
  labels: Record<string, string>
  value: number
  exemplar?: { labelSet: Record<string, string>; value: number; timestamp: number }
}

/** Makes families that have one value for each item, of items that are the same for all of them. */
export function familiesOf<Item>(
  items: () => readonly Item[],
  labelsOf: (item: Item) => Record<string, string>,
  prefix = '',
): (name: string, type: ComputedFamily['type'], help: string, value: (item: Item) => number) => ComputedFamily {
  return (name, type, help, value) => ({
    name: prefix + name,
    type,
    help,
    values: () => items().map(item => ({ labels: labelsOf(item), value: value(item) })),
  })
}

/** The registry of a proxy, in OpenMetrics form: exemplars and all; the merged endpoint translates. */
export function proxyRegistry(families: readonly ComputedFamily[]): Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE> {
  const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  for (const family of families) registry.registerMetric(asMetric(family))
  return registry
}

/** What prom-client asks of a metric is a name, a type and get(). In OpenMetrics form it adds _total to the samples of a counter itself. */
function asMetric(family: ComputedFamily): Metric {
  const get = async (): Promise<MetricObjectWithValues<MetricValue<string>>> =>
    ({
      name: family.type === 'counter' ? family.name.replace(/_total$/, '') : family.name,
      help: family.help,
      type: family.type,
      values: family.values(),
      aggregator: 'sum',
    }) as unknown as MetricObjectWithValues<MetricValue<string>>
  return { name: family.name, type: family.type, get, reset() {} } as unknown as Metric
}

/** Families of what passed through: Envoy's names and labels. */
export function trafficFamilies(traffic: Traffic, localCluster: string): ComputedFamily[] {
  const labelsOf = ({ service, version }: Totals) => clusterLabels(service, version, localCluster)
  const cluster = familiesOf(() => [...traffic.totals.values()], labelsOf, 'envoy_cluster_upstream_rq_')
  const downstreamLabels = { envoy_http_conn_manager_prefix: 'public_listener', local_cluster: localCluster }
  return [
    cluster('total', 'counter', 'Requests sent to an upstream.', totals => totals.requests),
    cluster('retry', 'unknown', 'Attempts after the first.', totals => totals.retries),
    cluster('retry_success', 'unknown', 'Requests that a retry saved.', totals => totals.rescued),
    cluster('timeout', 'unknown', 'Requests that ran into their deadline.', totals => totals.timeouts),
    cluster('rx_reset', 'unknown', 'Requests whose upstream broke off.', totals => totals.resets),
    {
      name: 'envoy_cluster_upstream_rq_xx',
      help: 'Answers by class.',
      type: 'unknown',
      values: () =>
        [...traffic.totals.values()].flatMap(totals =>
          classValues(totals, clusterLabels(totals.service, totals.version, localCluster)),
        ),
    },
    {
      name: 'envoy_cluster_upstream_rq',
      help: 'Answers by status code.',
      type: 'unknown',
      values: () =>
        [...traffic.totals.values()].flatMap(totals =>
          codeValues(totals, clusterLabels(totals.service, totals.version, localCluster)),
        ),
    },
    {
      name: 'envoy_cluster_upstream_rq_time',
      help: 'Time to the end of an answer, in milliseconds.',
      type: 'histogram',
      values: () =>
        [...traffic.totals.values()].flatMap(totals =>
          timeValues(
            'envoy_cluster_upstream_rq_time',
            totals,
            clusterLabels(totals.service, totals.version, localCluster),
          ),
        ),
    },
    {
      name: 'trimtab_cluster_grpc_calls_total',
      help: 'gRPC calls by status; without one: the call was broken off.',
      type: 'counter',
      values: () =>
        [...traffic.totals.values()].flatMap(totals =>
          grpcValues(totals, clusterLabels(totals.service, totals.version, localCluster)),
        ),
    },
    {
      name: 'envoy_http_downstream_rq_total',
      help: 'Requests that came in.',
      type: 'counter',
      values: () => [{ labels: downstreamLabels, value: traffic.downstream.requests }],
    },
    {
      name: 'envoy_http_downstream_rq_active',
      help: 'Requests not answered yet.',
      type: 'gauge',
      values: () => [{ labels: downstreamLabels, value: traffic.downstream.active }],
    },
    {
      name: 'envoy_http_downstream_rq_xx',
      help: 'Answers to downstream by class.',
      type: 'unknown',
      values: () => classValues(traffic.downstream, downstreamLabels),
    },
    {
      name: 'envoy_http_downstream_rq_time',
      help: 'Time from a request to the end of its answer, in milliseconds.',
      type: 'histogram',
      values: () => timeValues('envoy_http_downstream_rq_time', traffic.downstream, downstreamLabels),
    },
  ]
}

/** Envoy's cluster labels with Consul's names beside them. */
export function clusterLabels(service: string, version: string, localCluster: string): Record<string, string> {
  const name = service === APP ? 'local_app' : version === '' ? service : `${version}.${service}`
  return {
    envoy_cluster_name: name,
    local_cluster: localCluster,
    consul_destination_service: service === APP ? localCluster : service,
    consul_destination_service_subset: version,
  }
}

function classValues(totals: Totals, labels: Record<string, string>): FamilyValue[] {
  return [1, 2, 3, 4, 5].map(digit => {
    let value = 0
    for (let code = digit * 100; code < digit * 100 + 100; code++) value += totals.byStatus[code - 100]!
    return { labels: { ...labels, envoy_response_code_class: String(digit) }, value }
  })
}

function codeValues(totals: Totals, labels: Record<string, string>): FamilyValue[] {
  const values: FamilyValue[] = []
  for (let code = 100; code < 600; code++) {
    const value = totals.byStatus[code - 100]!
    if (value > 0) values.push({ labels: { ...labels, envoy_response_code: String(code) }, value })
  }
  return values
}

function grpcValues(totals: Totals, labels: Record<string, string>): FamilyValue[] {
  const values: FamilyValue[] = []
  for (const [status, value] of totals.byGrpcStatus.entries())
    if (value > 0) values.push({ labels: { ...labels, grpc_status: GRPC_STATUS_NAMES[status] ?? 'none' }, value })
  return values
}

function timeValues(name: string, totals: Totals, labels: Record<string, string>): FamilyValue[] {
  const values: FamilyValue[] = []
  let count = 0
  for (let bucket = 0; bucket <= timeBoundsMs.length; bucket++) {
    count += totals.timeBuckets[bucket]!
    const le = bucket < timeBoundsMs.length ? String(timeBoundsMs[bucket]) : '+Inf'
    const exemplar = totals.exemplars[bucket]
    values.push({
      metricName: `${name}_bucket`,
      labels: { ...labels, le },
      value: count,
      ...(exemplar === undefined ? {} : { exemplar: exemplarOf(exemplar) }),
    })
  }
  values.push(
    { metricName: `${name}_sum`, labels, value: totals.timeSumMs },
    { metricName: `${name}_count`, labels, value: totals.timeCount },
  )
  return values
}

function exemplarOf({ traceId, valueMs, wallMs }: Exemplar) {
  return { labelSet: { trace_id: traceId }, value: valueMs, timestamp: wallMs / 1000 }
}
