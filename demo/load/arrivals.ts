/**
 * When requests are due, at a constant rate, whatever becomes of the earlier ones (open loop): a slow target gets no
 * relief, so what its callers would feel is what is measured. Pure: times are monotonic milliseconds from the caller.
 */
export interface Arrivals {
  /**
   * The requests due by now, by the time at which each was due, oldest first. After a stall, those more than
   * BACKLOG_MS_MAX late are skipped and counted, rather than sent in one burst.
   */
  take(nowMs: number): { dueMs: number[]; skipped: number }
  /** Per second, 0 and up; 0 pauses. Time already waited counts towards the next request. */
  setRate(ratePerSecond: number, nowMs: number): void
  /** Infinity while paused. */
  nextMs(): number
}

export const BACKLOG_MS_MAX = 1_000

export function createArrivals(ratePerSecond: number, startMs: number): Arrivals {
  let intervalMs = 1_000 / ratePerSecond
  let previousMs = startMs
  let nextMs = startMs + intervalMs

  return {
    take(nowMs) {
      const dueMs: number[] = []
      const tooLate = Math.ceil((nowMs - BACKLOG_MS_MAX - nextMs) / intervalMs)
      const skipped = nextMs < nowMs - BACKLOG_MS_MAX ? tooLate : 0
      nextMs += skipped === 0 ? 0 : skipped * intervalMs
      for (; nextMs <= nowMs; nextMs += intervalMs) {
        dueMs.push(nextMs)
        previousMs = nextMs
      }
      return { dueMs, skipped }
    },
    setRate(rate, nowMs) {
      intervalMs = 1_000 / rate
      nextMs = Math.max(nowMs, previousMs + intervalMs)
    },
    nextMs: () => nextMs,
  }
}
