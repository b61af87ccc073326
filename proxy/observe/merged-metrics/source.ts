import type { Family } from '../../../protocol/prometheus/family.ts'

/** An application endpoint whose metrics are merged in. */
export interface ScrapeSource {
  /** Unique; the value of the `source` label. */
  name: string
  /** http: or https: */
  url: string
}

/**
 * Why nothing of a source was merged in. `refused`: no connection, or it broke before an answer. `self`: the source is this very
 * endpoint, which would wait for itself for ever.
 */
export const failureReasons = ['refused', 'timeout', 'status', 'too_large', 'not_metrics', 'truncated', 'self'] as const
export type FailureReason = (typeof failureReasons)[number]

export interface Failure {
  status: 'failed'
  reason: FailureReason
  /** For a person: what happened, and what to do where that is known. */
  detail: string
}

export const failure = (reason: FailureReason, detail: string): Failure => ({ status: 'failed', reason, detail })

/** A body as a source gave it, not yet read as metrics. */
export interface Exposition {
  status: 'ok'
  body: string
  contentType: string | undefined
  /** False when only the closing of the connection marked the body's end. */
  framed: boolean
}

/** What a source said, read. */
export interface ReadExposition {
  status: 'ok'
  format: 'text' | 'openmetrics'
  families: Family[]
  sampleCount: number
  exemplarsDropped: number
}

/** One asking of one source, with how long it took. */
export interface SourceResult {
  source: string
  durationMs: number
  outcome: ReadExposition | Failure
}
