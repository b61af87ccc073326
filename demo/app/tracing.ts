import type { Tracer } from '@opentelemetry/api'
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import type { Metrics } from './metrics.ts'
import { isDeniedRoot } from './propagation.ts'
import { boundedProcessor, countingExporter } from './span-export.ts'

export interface Tracing {
  tracer: Tracer
  /** Sends what still waits. Never rejects: a span that cannot be sent is counted, not fatal. */
  stop(): Promise<void>
}

export interface TracingSettings {
  service: string
  version: string
  /** The whole URL of a Zipkin v2 receiver. Without it contexts are still continued, and no span is kept. */
  zipkinUrl: string | undefined
}

const EXPORT_DELAY_MS = 500
const EXPORT_TIMEOUT_MS = 5_000
const BATCH_SPANS_MAX = 512
const WAITING_SPANS_MAX = 8_192

/** A trace that starts here is recorded; one that came in keeps the sampling state that it came with. */
const rootSampler: Sampler = {
  shouldSample: context => ({
    decision: isDeniedRoot(context) ? SamplingDecision.NOT_RECORD : SamplingDecision.RECORD_AND_SAMPLED,
  }),
  toString: () => 'rootUnlessDenied',
}

export function startTracing({ service, version, zipkinUrl }: TracingSettings, metrics: Metrics): Tracing {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.version': version, component: 'app' }),
    sampler: new ParentBasedSampler({ root: rootSampler }),
    spanProcessors: zipkinUrl === undefined ? [] : [zipkinProcessor(zipkinUrl, metrics)],
  })
  return {
    tracer: provider.getTracer('trimtab-demo', version),
    stop: () => provider.shutdown().catch(() => undefined),
  }
}

function zipkinProcessor(url: string, metrics: Metrics): SpanProcessor {
  // The upload itself must not be traced by whatever it passes on its way.
  const zipkin = new ZipkinExporter({ url, headers: { b3: '0' } })
  const exporter = countingExporter(
    zipkin,
    (result, count) => {
      bounded.release(count)
      metrics.spansEnded(result, count)
    },
    EXPORT_TIMEOUT_MS,
  )
  const batches = new BatchSpanProcessor(exporter, {
    scheduledDelayMillis: EXPORT_DELAY_MS,
    exportTimeoutMillis: EXPORT_TIMEOUT_MS * 2,
    maxExportBatchSize: BATCH_SPANS_MAX,
    maxQueueSize: WAITING_SPANS_MAX,
  })
  const bounded = boundedProcessor(batches, WAITING_SPANS_MAX, () => metrics.spansEnded('dropped_queue_full', 1))
  return bounded.processor
}
