import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Everything that a demo service counts, in a registry of its own, so that several can live in one process. */
export interface Metrics {
  registry: Registry
  /** One answered request. `route` is the route's pattern, never the raw path, so that labels stay few. */
  requestEnded(method: string, route: string, code: number, durationSeconds: number): void
  faultInjected(kind: 'error' | 'delay'): void
  spansEnded(result: SpanResult, count: number): void
  connectionDropped(): void
}

export type SpanResult = 'exported' | 'failed' | 'dropped_queue_full'

const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

export function createMetrics(service: string, version: string): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'app_build_info',
    help: 'Always 1; its labels tell what is running.',
    labelNames: ['service', 'version', 'node_version'],
    registers,
  }).set({ service, version, node_version: process.version }, 1)

  const labelNames = ['method', 'route', 'code']
  const requests = new Counter({ name: 'http_requests_total', help: 'Requests answered.', labelNames, registers })
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the request head to the end of the answer.',
    labelNames,
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  })
  const faults = new Counter({
    name: 'faults_injected_total',
    help: 'Faults that the fault switch put into requests.',
    labelNames: ['kind'],
    registers,
  })
  const spans = new Counter({
    name: 'trace_spans_total',
    help: 'Sampled spans by what became of them.',
    labelNames: ['result'],
    registers,
  })
  const drops = new Counter({
    name: 'http_connections_dropped_total',
    help: 'Connections closed at once.',
    labelNames: ['reason'],
    registers,
  })

  return {
    registry,
    requestEnded(method, route, code, durationSeconds) {
      const labels = { method: KNOWN_METHODS.has(method) ? method : 'OTHER', route, code }
      requests.inc(labels)
      durations.observe(labels, durationSeconds)
    },
    faultInjected: kind => faults.inc({ kind }),
    spansEnded: (result, count) => spans.inc({ result }, count),
    connectionDropped: () => drops.inc({ reason: 'max_connections' }),
  }
}
