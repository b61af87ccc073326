import { mergeSparse, quantileMs } from '../../protocol/sketch.ts'
import type { Tick, TickRow } from '../../protocol/tick.ts'

/** What the callers saw of something over the last seconds. */
export interface Traffic {
  rps: number
  /** Share of requests that failed, 0..1; 0 when there were none. */
  errorRate: number
  /** Undefined without requests. */
  p50Ms: number | undefined
  p99Ms: number | undefined
  requests: number
  errors: number
  inFlight: number
}

/** The last ticks, for people: rates and quantiles by service, version and caller. The judge keeps its own windows. Pure. */
export interface RecentTraffic {
  take(tick: Tick): void
  /** Counts of each caller -> service -> version, over the window. */
  cells(): Cell[]
  /** Time that the window covers by now; 0 before the first tick. */
  readonly coveredMs: number
}

/** One caller's view of one version. */
export interface Cell {
  source: string
  upstream: string
  version: string
  requests: number
  errors: number
  inFlight: number
  sketch: number[]
}

interface Slice {
  intervalMs: number
  cells: Map<string, Cell>
}

/** Different (caller, service, version) triples that one tick may bring; what is over is not shown. */
const CELLS_MAX = 20_000

export function recentTraffic(windowMs: number): RecentTraffic {
  let slices: Slice[] = []
  let coveredMs = 0
  return {
    take(tick) {
      slices.push({ intervalMs: tick.intervalMs, cells: sliceOf(tick.rows) })
      coveredMs += tick.intervalMs
      while (slices.length > 1 && coveredMs - slices[0]!.intervalMs >= windowMs) {
        coveredMs -= slices[0]!.intervalMs
        slices = slices.slice(1)
      }
    },
    cells() {
      const merged = new Map<string, Cell>()
      const last = slices.at(-1)
      for (const slice of slices)
        for (const [key, cell] of slice.cells)
          add(merged, key, { ...cell, inFlight: slice === last ? cell.inFlight : 0 })
      return [...merged.values()]
    },
    get coveredMs() {
      return coveredMs
    },
  }
}

/** Adds cells up. `coveredMs` is the time that they stand for. */
export function trafficOf(cells: readonly Cell[], coveredMs: number): Traffic {
  let requests = 0
  let errors = 0
  let inFlight = 0
  let sketch: number[] = []
  for (const cell of cells) {
    requests += cell.requests
    errors += cell.errors
    inFlight += cell.inFlight
    sketch = mergeSparse(sketch, cell.sketch)
  }
  return {
    rps: coveredMs > 0 ? requests / (coveredMs / 1000) : 0,
    errorRate: requests > 0 ? errors / requests : 0,
    p50Ms: quantileMs(sketch, 0.5),
    p99Ms: quantileMs(sketch, 0.99),
    requests,
    errors,
    inFlight,
  }
}

function sliceOf(rows: readonly TickRow[]): Map<string, Cell> {
  const cells = new Map<string, Cell>()
  for (const row of rows) {
    // The endpoint's view counts attempts, not requests.
    if (row.endpoint !== '') continue
    const { source, upstream, version, inFlight } = row
    const { http5xx, gateway, reset, timeout } = row.errors
    const errors = http5xx + gateway + reset + timeout
    const key = JSON.stringify([source, upstream, version])
    if (cells.size >= CELLS_MAX && !cells.has(key)) continue
    add(cells, key, { source, upstream, version, requests: row.requests, errors, inFlight, sketch: row.sketch })
  }
  return cells
}

function add(cells: Map<string, Cell>, key: string, cell: Cell): void {
  const before = cells.get(key)
  if (!before) cells.set(key, { ...cell })
  else {
    before.requests += cell.requests
    before.errors += cell.errors
    before.inFlight += cell.inFlight
    before.sketch = mergeSparse(before.sketch, cell.sketch)
  }
}
