import type { Clock } from '../../../runtime/clock.ts'

/** A clock that stands until it is moved; what is due is called in order. */
export interface ManualClock extends Clock {
  advance(ms: number): void
}

export function manualClock(): ManualClock {
  let nowMs = 1000
  let timers: Array<{ atMs: number; everyMs: number | undefined; callback: () => void }> = []
  const add = (delayMs: number, everyMs: number | undefined, callback: () => void) => {
    const timer = { atMs: nowMs + delayMs, everyMs, callback }
    timers.push(timer)
    return () => {
      timers = timers.filter(other => other !== timer)
    }
  }
  return {
    now: () => nowMs,
    wall: () => Date.UTC(2026, 0, 1) + nowMs,
    after: (delayMs, callback) => add(delayMs, undefined, callback),
    every: (periodMs, callback) => add(periodMs, periodMs, callback),
    advance(ms) {
      const until = nowMs + ms
      for (;;) {
        const due = timers.filter(({ atMs }) => atMs <= until).sort((a, b) => a.atMs - b.atMs)[0]
        if (!due) break
        nowMs = due.atMs
        if (due.everyMs === undefined) timers = timers.filter(timer => timer !== due)
        else due.atMs += due.everyMs
        due.callback()
      }
      nowMs = until
    },
  }
}
