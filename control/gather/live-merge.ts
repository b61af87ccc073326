import { mergeSparse } from '../../protocol/sketch.ts'
import type { Reporter, Tick, TickRow } from '../../protocol/tick.ts'

/** Trace ids that a merged row keeps. */
const TRACES_MAX = 8

/**
 * Several collectors as one: each proxy reports to one of them, so their rows add. Ticks wait until every connected collector has
 * sent one, or `waitMs` is over; a single collector's ticks pass at once. Pure.
 */
export interface LiveMerge {
  connected(collector: string): void
  /** What a collector sent before it went still counts. Gives the merged tick when nobody else is waited for. */
  disconnected(collector: string): Tick | undefined
  take(collector: string, tick: Tick, nowMs: number): Tick | undefined
  /** To be asked now and then: the merged tick whose wait is over. */
  due(nowMs: number): Tick | undefined
}

export function liveMerge(waitMs: number): LiveMerge {
  const live = new Set<string>()
  let waiting = new Map<string, Tick[]>()
  let sinceMs = 0
  let seq = 0

  const merge = (): Tick | undefined => {
    if (waiting.size === 0) return undefined
    const tick = mergeTicks(
      [...waiting.values()].map(ticks => (ticks.length === 1 ? ticks[0]! : inRow(ticks))),
      seq++,
    )
    waiting = new Map()
    return tick
  }
  const complete = () => [...live].every(collector => waiting.has(collector))

  return {
    connected: collector => void live.add(collector),
    disconnected(collector) {
      live.delete(collector)
      return complete() ? merge() : undefined
    },
    take(collector, tick, nowMs) {
      if (waiting.size === 0) sinceMs = nowMs
      const before = waiting.get(collector)
      if (before) before.push(tick)
      else waiting.set(collector, [tick])
      return complete() ? merge() : undefined
    },
    due: nowMs => (waiting.size > 0 && nowMs - sinceMs >= waitMs ? merge() : undefined),
  }
}

/** One collector's consecutive ticks as one: the counts and the time add, the last word on reporters stands. */
function inRow(ticks: readonly Tick[]): Tick {
  const last = ticks.at(-1)!
  const intervalMs = ticks.reduce((sum, tick) => sum + tick.intervalMs, 0)
  const reporters = new Map(ticks.flatMap(tick => tick.reporters).map(reporter => [reporter.instance, reporter]))
  return { ...last, intervalMs, rows: mergeRows(ticks, latest), reporters: [...reporters.values()] }
}

/** Ticks of different collectors over the same time. A proxy that one misses and another hears is not missing. */
function mergeTicks(ticks: readonly Tick[], seq: number): Tick {
  const [first] = ticks
  if (ticks.length === 1) return { ...first!, seq }
  const reporters = ticks.flatMap(tick => tick.reporters)
  const heard = new Set(reporters.map(({ instance }) => instance))
  const missing = new Map<string, Reporter>()
  for (const reporter of ticks.flatMap(tick => tick.missing)) {
    const before = missing.get(reporter.instance)
    if (!heard.has(reporter.instance) && (!before || reporter.silentMs < before.silentMs))
      missing.set(reporter.instance, reporter)
  }
  return {
    seq,
    time: first!.time,
    intervalMs: Math.max(...ticks.map(tick => tick.intervalMs)),
    rows: mergeRows(ticks, sum),
    reporters,
    missing: [...missing.values()],
  }
}

/** How gauges (in flight, fuses) of two rows become one: over collectors they add, over time the later one stands. */
type Gauges = (earlier: number, later: number) => number
const sum: Gauges = (a, b) => a + b
const latest: Gauges = (_a, b) => b

function mergeRows(ticks: readonly Tick[], gauges: Gauges): TickRow[] {
  const rows = new Map<string, TickRow>()
  for (const row of ticks.flatMap(tick => tick.rows)) {
    const key = JSON.stringify([row.source, row.upstream, row.version, row.endpoint, row.route])
    const before = rows.get(key)
    rows.set(key, before ? addRows(before, row, gauges) : row)
  }
  return [...rows.values()]
}

function addRows(a: TickRow, b: TickRow, gauges: Gauges): TickRow {
  return {
    ...a,
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
    inFlight: gauges(a.inFlight, b.inFlight),
    fusedBy: gauges(a.fusedBy, b.fusedBy),
    knownBy: gauges(a.knownBy, b.knownBy),
    sketch: mergeSparse(a.sketch, b.sketch),
    traces: [...new Set([...a.traces, ...b.traces])].slice(0, TRACES_MAX),
  }
}
