import type { Clock } from '../../runtime/clock.ts'

interface Timer {
  dueMs: number
  periodMs: number
  callback: () => void
}

/** A clock that stands still until it is moved. Timers that fall due on the way run in their order, each at its own moment. */
export interface ManualClock extends Clock {
  advance(ms: number): void
  /** Timers that are set. */
  readonly timers: number
}

export function manualClock(startMs = 1_000_000, wallStartMs = 1_700_000_000_000): ManualClock {
  let nowMs = startMs
  const timers = new Set<Timer>()

  function set(delayMs: number, periodMs: number, callback: () => void): () => void {
    const timer = { dueMs: nowMs + Math.max(0, delayMs), periodMs, callback }
    timers.add(timer)
    return () => timers.delete(timer)
  }

  function earliest(untilMs: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of timers)
      if (timer.dueMs <= untilMs && (first === undefined || timer.dueMs < first.dueMs)) first = timer
    return first
  }

  return {
    now: () => nowMs,
    wall: () => wallStartMs + (nowMs - startMs),
    after: (delayMs, callback) => set(delayMs, 0, callback),
    every: (periodMs, callback) => set(periodMs, periodMs, callback),
    advance(ms) {
      const untilMs = nowMs + ms
      for (let timer = earliest(untilMs); timer !== undefined; timer = earliest(untilMs)) {
        nowMs = Math.max(nowMs, timer.dueMs)
        if (timer.periodMs > 0) timer.dueMs += timer.periodMs
        else timers.delete(timer)
        timer.callback()
      }
      nowMs = untilMs
    },
    get timers() {
      return timers.size
    },
  }
}
