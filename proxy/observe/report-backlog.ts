import type { ReportKey, ReportRow } from '../../protocol/report.ts'
import { mergeSparse } from '../../protocol/sketch.ts'

/** What was counted in one interval, with the keys that it names for the first time. */
export interface ReportInterval {
  intervalMs: number
  rows: readonly ReportRow[]
  keys: Readonly<Record<string, ReportKey>>
}

export interface ReportBacklog {
  /** Takes the newest interval; answers how many lines had to go for it. */
  add(interval: ReportInterval): number
  /** The oldest line that waits, or undefined. */
  take(): ReportInterval | undefined
  readonly lines: number
}

/** While nobody takes them, intervals are merged into lines of this length; older than the whole backlog, they are dropped. */
const COARSE_LINE_MS = 1000
const BACKLOG_MS = 10_000
const TRACES_MAX = 4

/** Intervals that wait for the collector. The keys of a dropped line go on with the next: on an open stream they are told only once. */
export function reportBacklog(): ReportBacklog {
  const lines: ReportInterval[] = []
  let waitingMs = 0
  const drop = (): void => {
    const dropped = lines.shift()!
    waitingMs -= dropped.intervalMs
    lines[0] = { ...lines[0]!, keys: { ...dropped.keys, ...lines[0]!.keys } }
  }
  return {
    get lines() {
      return lines.length
    },
    add(interval) {
      const last = lines.at(-1)
      waitingMs += interval.intervalMs
      if (last !== undefined && last.intervalMs + interval.intervalMs <= COARSE_LINE_MS)
        lines[lines.length - 1] = merged(last, interval)
      else lines.push(interval)
      let dropped = 0
      for (; waitingMs > BACKLOG_MS && lines.length > 1; dropped++) drop()
      return dropped
    },
    take() {
      const line = lines.shift()
      if (line !== undefined) waitingMs -= line.intervalMs
      return line
    },
  }
}

/** One line for two intervals in a row: counts add up, what stands at the end of an interval (in flight, fused) is the later one's. */
function merged(earlier: ReportInterval, later: ReportInterval): ReportInterval {
  const rows = new Map(earlier.rows.map(row => [row.key, atRest(row)]))
  for (const row of later.rows) {
    const before = rows.get(row.key)
    rows.set(row.key, before === undefined ? row : addedUp(before, row))
  }
  return {
    intervalMs: earlier.intervalMs + later.intervalMs,
    rows: [...rows.values()],
    keys: { ...earlier.keys, ...later.keys },
  }
}

/** A row that the later interval does not name: nothing is in flight any more, and no fuse holds. */
function atRest(row: ReportRow): ReportRow {
  return { ...row, inFlight: 0, ...(row.fused === undefined ? {} : { fused: false }) }
}

function addedUp(a: ReportRow, b: ReportRow): ReportRow {
  const traces = [...(a.traces ?? []), ...(b.traces ?? [])].slice(0, TRACES_MAX)
  return {
    ...b,
    requests: a.requests + b.requests,
    ok: a.ok + b.ok,
    errors: {
      http5xx: a.errors.http5xx + b.errors.http5xx,
      gateway: a.errors.gateway + b.errors.gateway,
      reset: a.errors.reset + b.errors.reset,
      timeout: a.errors.timeout + b.errors.timeout,
    },
    clientErrors: a.clientErrors + b.clientErrors,
    retries: a.retries + b.retries,
    rescued: a.rescued + b.rescued,
    sketch: mergeSparse(a.sketch, b.sketch),
    ...(traces.length === 0 ? {} : { traces }),
  }
}
