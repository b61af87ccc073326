// Hot path: `add` runs for every span.

import { normalTraceId, type Span } from '../../protocol/span.ts'

/** The newest traces, in memory: they answer queries at once, before ClickHouse has them, and in its stead while it is away. */
export interface RecentTraces {
  /** Takes spans with the length of their written form. */
  add(spans: readonly Span[], lines: readonly string[]): void
  /** Spans of a trace by its normal id; half an id (16 digits) finds the whole one. */
  byId(traceId: string): Span[]
  /** Every trace held, newest first. */
  all(): Iterable<readonly Span[]>
  readonly traces: number
  readonly bytes: number
}

interface HeldTrace {
  traceId: string
  spans: Span[]
  bytes: number
}

/** One trace may not fill the window: what goes past this share of it is left to ClickHouse. */
const TRACE_SHARE = 8
/** Objects weigh about this much more than their text. */
const WEIGHT = 3

/** Holds at most `tracesMax` traces and about `bytesMax` bytes; the traces that began longest ago go first. */
export function recentTraces({ tracesMax, bytesMax }: { tracesMax: number; bytesMax: number }): RecentTraces {
  // Keyed by the lower half of the id, which is all that some senders and askers know.
  const held = new Map<string, HeldTrace[]>()
  let traces = 0
  let bytes = 0

  const evict = (): void => {
    while (traces > 0 && (traces > tracesMax || bytes > bytesMax)) {
      const [low, group] = held.entries().next().value!
      const oldest = group.shift()!
      traces--
      bytes -= oldest.bytes
      if (group.length === 0) held.delete(low)
    }
  }
  const traceOf = (traceId: string): HeldTrace => {
    const low = traceId.slice(-16)
    const group = held.get(low)
    const known = group?.find(trace => trace.traceId === traceId)
    if (known !== undefined) return known
    const fresh = { traceId, spans: [], bytes: 0 }
    if (group === undefined) held.set(low, [fresh])
    else group.push(fresh)
    traces++
    return fresh
  }

  return {
    add(spans, lines) {
      if (tracesMax === 0 || bytesMax === 0) return
      for (let index = 0; index < spans.length; index++) {
        const trace = traceOf(spans[index]!.traceId)
        const weight = lines[index]!.length * WEIGHT
        if (trace.bytes + weight > bytesMax / TRACE_SHARE) continue
        trace.spans.push(spans[index]!)
        trace.bytes += weight
        bytes += weight
      }
      evict()
    },
    byId(traceId) {
      const group = held.get(traceId.slice(-16)) ?? []
      return group.filter(trace => sameTrace(trace.traceId, traceId)).flatMap(({ spans }) => spans)
    },
    *all() {
      for (const group of [...held.values()].reverse()) for (const { spans } of group) if (spans.length > 0) yield spans
    },
    get traces() {
      return traces
    },
    get bytes() {
      return bytes
    },
  }
}

/** An id as a person or program asks for it, in its normal form; undefined when it is none. */
export function askedTraceId(given: string): string | undefined {
  return /^[0-9a-fA-F]{1,32}$/.test(given) && !/^0+$/.test(given) ? normalTraceId(given.toLowerCase()) : undefined
}

/** The same trace: equal, or one of them knows the lower half only. */
export function sameTrace(a: string, b: string): boolean {
  return a === b || ((a.length === 16 || b.length === 16) && a.slice(-16) === b.slice(-16))
}
