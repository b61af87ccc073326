import Type, { type Static } from 'typebox'
import { readerOf } from './read.ts'
import { ErrorCounts, ReportKey } from './report.ts'

/**
 * Tick: collector -> control and page, GET /live, NDJSON. First line: Hello. Then every 250 ms the rows of all proxies merged by key,
 * who reported, and who did not. A tick without rows still comes.
 */

const Count = Type.Integer({ minimum: 0 })

export const TickRow = Type.Intersect([
  ReportKey,
  Type.Object({
    requests: Count,
    ok: Count,
    errors: ErrorCounts,
    clientErrors: Count,
    retries: Count,
    rescued: Count,
    inFlight: Count,
    /** Endpoint's view: how many reporting proxies hold it out by their local fuse, of how many that know it. */
    fusedBy: Count,
    knownBy: Count,
    sketch: Type.Array(Count),
    traces: Type.Array(Type.String()),
  }),
])
export type TickRow = Static<typeof TickRow>

/** One proxy as the collector sees it. `silentMs`: since its last line. */
export const Reporter = Type.Object({
  instance: Type.String(),
  service: Type.String(),
  version: Type.String(),
  kind: Type.String(),
  epoch: Count,
  refused: Type.Optional(Type.Object({ epoch: Count, reason: Type.String() })),
  silentMs: Type.Number(),
})
export type Reporter = Static<typeof Reporter>

export const Tick = Type.Object({
  seq: Count,
  /** Wall clock of the collector, for people; nothing is computed from it. */
  time: Type.String(),
  intervalMs: Type.Number({ minimum: 0 }),
  rows: Type.Array(TickRow),
  /** Proxies whose line came within this tick. */
  reporters: Type.Array(Reporter),
  /** Proxies that were reporting and are silent for over a second (kept for a minute). */
  missing: Type.Array(Reporter),
})
export type Tick = Static<typeof Tick>

export const readTick = readerOf(Tick, 32 * 1024 * 1024)
