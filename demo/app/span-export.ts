import type { Context } from '@opentelemetry/api'
import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { SpanResult } from './metrics.ts'

export type CountSpans = (result: SpanResult, count: number) => void

/**
 * Counts what becomes of each batch, and gives up on a receiver that accepts a connection and then stays silent:
 * the Zipkin exporter has no deadline of its own, and would never call back.
 */
export function countingExporter(inner: SpanExporter, count: CountSpans, timeoutMs: number): SpanExporter {
  return {
    export(spans: ReadableSpan[], done: (result: ExportResult) => void) {
      let ended = false
      const end = (result: ExportResult) => {
        if (ended) return
        ended = true
        clearTimeout(timer)
        count(result.code === ExportResultCode.SUCCESS ? 'exported' : 'failed', spans.length)
        done(result)
      }
      const timer = setTimeout(
        () => end({ code: ExportResultCode.FAILED, error: new Error(`no answer within ${timeoutMs} ms`) }),
        timeoutMs,
      )
      timer.unref()
      inner.export(spans, end)
    },
    shutdown: () => inner.shutdown(),
  }
}

/**
 * Bounds the spans that wait or are under way, and counts those it drops: the batch processor has a bound, too,
 * but tells nobody what it dropped. `release` is told of every span that left, however it left.
 */
export function boundedProcessor(inner: SpanProcessor, max: number, drop: () => void): BoundedProcessor {
  let pending = 0
  return {
    processor: {
      onStart: (span, context: Context) => inner.onStart(span, context),
      onEnd(span) {
        if (pending >= max) return drop()
        pending += 1
        inner.onEnd(span)
      },
      forceFlush: () => inner.forceFlush(),
      shutdown: () => inner.shutdown(),
    },
    release(count) {
      pending -= count
    },
  }
}

export interface BoundedProcessor {
  processor: SpanProcessor
  release(count: number): void
}
