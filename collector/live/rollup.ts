import { mergeSparse } from '../../protocol/sketch.ts'
import type { TickRow } from '../../protocol/tick.ts'
import { jsonLine } from '../json-line.ts'
import { keyName } from './keys.ts'

/** One key's traffic over some seconds, as the table `traffic` has it. */
interface Rolled {
  source: string
  upstream: string
  version: string
  endpoint: string
  route: string
  requests: number
  ok: number
  http5xx: number
  gateway: number
  reset: number
  timeout: number
  clientErrors: number
  retries: number
  rescued: number
  inFlightMax: number
  fusedByMax: number
  sketch: number[]
}

export interface Rollup {
  add(rows: readonly TickRow[], intervalMs: number): void
  /** The rows since the last call as JSON lines; nothing is left behind. `time`: RFC 3339, of their end. */
  take(time: string): string[]
  readonly ms: number
}

/** Adds ticks up to coarser rows for storage. Holds at most `keysMax` keys; `onOverflow` is told of rows beyond. Pure: reads no clock. */
export function trafficRollup(keysMax: number, onOverflow: () => void): Rollup {
  let rolled = new Map<string, Rolled>()
  let ms = 0
  return {
    add(rows, intervalMs) {
      ms += intervalMs
      for (const row of rows) {
        const name = keyName(row)
        const known = rolled.get(name)
        if (known) addRow(known, row)
        else if (rolled.size >= keysMax) onOverflow()
        else rolled.set(name, firstOf(row))
      }
    },
    take(time) {
      const lines: string[] = []
      for (const { sketch, ...row } of rolled.values()) {
        const sketchBuckets = sketch.filter((_, index) => index % 2 === 0)
        const sketchCounts = sketch.filter((_, index) => index % 2 === 1)
        lines.push(jsonLine({ time, seconds: ms / 1000, ...row, sketchBuckets, sketchCounts }))
      }
      rolled = new Map()
      ms = 0
      return lines
    },
    get ms() {
      return ms
    },
  }
}

function firstOf({ errors, inFlight, fusedBy, knownBy: _knownBy, traces: _traces, ...row }: TickRow): Rolled {
  return { ...row, ...errors, inFlightMax: inFlight, fusedByMax: fusedBy }
}

function addRow(into: Rolled, row: TickRow): void {
  into.requests += row.requests
  into.ok += row.ok
  into.http5xx += row.errors.http5xx
  into.gateway += row.errors.gateway
  into.reset += row.errors.reset
  into.timeout += row.errors.timeout
  into.clientErrors += row.clientErrors
  into.retries += row.retries
  into.rescued += row.rescued
  into.inFlightMax = Math.max(into.inFlightMax, row.inFlight)
  into.fusedByMax = Math.max(into.fusedByMax, row.fusedBy)
  if (row.sketch.length > 0) into.sketch = mergeSparse(into.sketch, row.sketch)
}
