import { createLatencies } from './latencies.ts'

export type ErrorReason = 'refused' | 'reset' | 'timeout' | 'name' | 'other'
/** `in_flight`: as many as allowed were under way. `late`: this process was held up for more than a second. */
type DropReason = 'in_flight' | 'late'

export type LoadOutcome = { status: 'answered'; code: number } | { status: 'failed'; reason: ErrorReason }

export interface TallyReading {
  sent: number
  /** Answers by status code. */
  statuses: Record<string, number>
  errors: Partial<Record<ErrorReason, number>>
  dropped: Partial<Record<DropReason, number>>
  /** Of answers, from the moment at which the request was due; null without any answer. */
  latencyMs: { p50: number; p90: number; p99: number; max: number } | null
}

export interface Tally {
  sent(): void
  dropped(reason: DropReason, count: number): void
  ended(outcome: LoadOutcome, latencyMs: number): void
  read(): TallyReading
  reset(): void
}

export function createTally(): Tally {
  const latencies = createLatencies()
  let sent = 0
  // Bounded: Node's parser refuses status codes above three digits, and the reasons are a closed set.
  let statuses = new Map<string, number>()
  let errors = new Map<ErrorReason, number>()
  let dropped = new Map<DropReason, number>()
  return {
    sent() {
      sent += 1
    },
    dropped: (reason, count) => add(dropped, reason, count),
    ended(outcome, latencyMs) {
      if (outcome.status === 'failed') return add(errors, outcome.reason, 1)
      add(statuses, String(outcome.code), 1)
      latencies.record(latencyMs)
    },
    read() {
      const at = (part: number) => round(latencies.percentileMs(part) ?? 0)
      const max = latencies.maxMs()
      return {
        sent,
        statuses: Object.fromEntries(statuses),
        errors: Object.fromEntries(errors),
        dropped: Object.fromEntries(dropped),
        latencyMs: max === undefined ? null : { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: round(max) },
      }
    },
    reset() {
      sent = 0
      statuses = new Map()
      errors = new Map()
      dropped = new Map()
      latencies.reset()
    },
  }
}

function add<Key>(counts: Map<Key, number>, key: Key, count: number): void {
  if (count > 0) counts.set(key, (counts.get(key) ?? 0) + count)
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
