// Hot path: `add` runs once per row of every proxy, four times a second.

import type { ReportKey, ReportRow } from '../../protocol/report.ts'
import { mergeSparse, SKETCH_BUCKETS } from '../../protocol/sketch.ts'
import type { TickRow } from '../../protocol/tick.ts'

/** Trace ids that a merged row names at most. */
const ROW_TRACES_MAX = 8

/** What all proxies together say about one key since the last tick; the gauges stand as long as a proxy knows the key. */
export interface MergedKey {
  readonly name: string
  readonly key: ReportKey
  knownBy: number
  fusedBy: number
  inFlight: number
  touched: boolean
  counts: TickCounts
}

type TickCounts = Omit<TickRow, keyof ReportKey | 'inFlight' | 'fusedBy' | 'knownBy'>

const noCounts = (): TickCounts => ({
  requests: 0,
  ok: 0,
  errors: { http5xx: 0, gateway: 0, reset: 0, timeout: 0 },
  clientErrors: 0,
  retries: 0,
  rescued: 0,
  sketch: [],
  traces: [],
})

export interface MergedKeys {
  /** One more proxy knows this key. Undefined when the bound on keys is reached: its rows are overflow. */
  know(key: ReportKey): MergedKey | undefined
  /** One proxy fewer knows it; its gauges must have been taken back before. */
  forget(merged: MergedKey): void
  add(merged: MergedKey, row: ReportRow): void
  /** The rows since the last call: keys with counts, requests in flight or a blown fuse. Counts begin anew. */
  takeRows(): TickRow[]
  readonly size: number
}

/** Rows of many proxies merged by key. Holds at most `keysMax` keys. Pure: reads no clock. */
export function mergedKeys(keysMax: number): MergedKeys {
  const byName = new Map<string, MergedKey>()
  return {
    know(key) {
      const name = keyName(key)
      let merged = byName.get(name)
      if (!merged) {
        if (byName.size >= keysMax) return undefined
        merged = { name, key, knownBy: 0, fusedBy: 0, inFlight: 0, touched: false, counts: noCounts() }
        byName.set(name, merged)
      }
      merged.knownBy += 1
      return merged
    },
    forget(merged) {
      merged.knownBy -= 1
      if (merged.knownBy === 0 && !merged.touched) byName.delete(merged.name)
    },
    add: addRow,
    takeRows() {
      const rows: TickRow[] = []
      for (const merged of byName.values()) {
        if (merged.touched || merged.inFlight > 0 || merged.fusedBy > 0) rows.push(rowOf(merged))
        if (merged.knownBy === 0) byName.delete(merged.name)
        else if (merged.touched) {
          merged.touched = false
          merged.counts = noCounts()
        }
      }
      return rows
    },
    get size() {
      return byName.size
    },
  }
}

function addRow(merged: MergedKey, row: ReportRow): void {
  const counts = merged.counts
  merged.touched = true
  counts.requests += row.requests
  counts.ok += row.ok
  counts.errors.http5xx += row.errors.http5xx
  counts.errors.gateway += row.errors.gateway
  counts.errors.reset += row.errors.reset
  counts.errors.timeout += row.errors.timeout
  counts.clientErrors += row.clientErrors
  counts.retries += row.retries
  counts.rescued += row.rescued
  if (row.sketch.length > 0) counts.sketch = mergeSparse(counts.sketch, row.sketch)
  if (row.traces) for (const id of row.traces) if (counts.traces.length < ROW_TRACES_MAX) counts.traces.push(id)
}

function rowOf({ key, counts, inFlight, fusedBy, knownBy }: MergedKey): TickRow {
  return { ...key, ...counts, inFlight, fusedBy, knownBy }
}

/** One text per key; the labels cannot run into each other because NUL separates them. */
export function keyName(key: ReportKey): string {
  return `${key.source}\0${key.upstream}\0${key.version}\0${key.endpoint}\0${key.route}`
}

/** A sketch from the network: pairs, buckets rising and within range. mergeSparse relies on it. */
export function isSketch(pairs: readonly number[]): boolean {
  if (pairs.length % 2 !== 0) return false
  let before = -1
  for (let i = 0; i < pairs.length; i += 2) {
    const bucket = pairs[i]!
    if (bucket <= before || bucket >= SKETCH_BUCKETS) return false
    before = bucket
  }
  return true
}
