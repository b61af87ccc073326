import Type, { type Static } from 'typebox'
import { Hello } from './hello.ts'
import { readerOf } from './read.ts'

/**
 * Traffic report: proxy -> collector, POST /v1/reports, NDJSON for as long as the proxy lives.
 * First line: ReportHello. Then a ReportLine every 250 ms, also when there is nothing to say.
 */

const Count = Type.Integer({ minimum: 0 })
const Label = Type.String({ maxLength: 253 })

export const ReportHello = Type.Intersect([
  Hello,
  Type.Object({
    instance: Type.String({ minLength: 1, maxLength: 253 }),
    service: Type.String({ minLength: 1, maxLength: 253 }),
    serviceVersion: Label,
    kind: Type.Union([Type.Literal('sidecar'), Type.Literal('gateway')]),
  }),
])
export type ReportHello = Static<typeof ReportHello>

/**
 * What a row counts. Two views share the shape:
 * - the caller's (endpoint ''): one request however many attempts it took; version is the one that the split chose;
 * - the endpoint's (endpoint = instance id): one attempt.
 */
export const ReportKey = Type.Object({ source: Label, upstream: Label, version: Label, endpoint: Label, route: Label })
export type ReportKey = Static<typeof ReportKey>

/** Why a request failed. `http5xx` is an answer of the application; the others never became one. */
export const ErrorCounts = Type.Object({ http5xx: Count, gateway: Count, reset: Count, timeout: Count })
export type ErrorCounts = Static<typeof ErrorCounts>

export const ReportRow = Type.Object({
  key: Count,
  requests: Count,
  ok: Count,
  errors: ErrorCounts,
  clientErrors: Count,
  retries: Count,
  /** Caller's view only: ok in the end, but the first attempt (at this version) had failed. */
  rescued: Count,
  inFlight: Count,
  /** Endpoint's view only: held out by this proxy's local fuse at the end of the interval. */
  fused: Type.Optional(Type.Boolean()),
  /** Sparse latency sketch: [bucket, count] pairs flattened; see sketch.ts. */
  sketch: Type.Array(Count, { maxItems: 2048 }),
  /** Trace ids of failed (or slow) sampled requests, at most a few. */
  traces: Type.Optional(Type.Array(Type.String({ maxLength: 32 }), { maxItems: 8 })),
})
export type ReportRow = Static<typeof ReportRow>

export const ReportLine = Type.Object({
  seq: Count,
  /** From a monotonic clock; more than 250 when lines were merged while the collector was away. */
  intervalMs: Type.Number({ minimum: 0 }),
  /** Of the snapshot in force. */
  epoch: Count,
  refused: Type.Optional(Type.Object({ epoch: Count, reason: Type.String({ maxLength: 2000 }) })),
  keys: Type.Optional(Type.Record(Type.String(), ReportKey)),
  rows: Type.Array(ReportRow, { maxItems: 10_000 }),
})
export type ReportLine = Static<typeof ReportLine>

export const REPORT_LINE_BYTES_MAX = 4 * 1024 * 1024
export const readReportHello = readerOf(ReportHello, 8 * 1024)
export const readReportLine = readerOf(ReportLine, REPORT_LINE_BYTES_MAX)
