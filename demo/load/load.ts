import { createArrivals } from './arrivals.ts'
import type { Caller } from './caller.ts'
import { pathOfRequest } from './mix.ts'
import { createTally, type TallyReading } from './tally.ts'

export interface LoadSettings {
  ratePerSecond: number
  inFlightMax: number
}

export interface LoadReading extends TallyReading {
  ratePerSecond: number
  inFlight: number
}

export interface Load {
  start(): void
  rate(): number
  setRate(ratePerSecond: number): void
  /** What happened since the last call of takeInterval. */
  takeInterval(): LoadReading
  /** What happened since the start. */
  total(): LoadReading
  /** Sends nothing more; resolves when nothing is under way, or after graceMs. */
  stop(graceMs: number): Promise<void>
}

/** Calls at a constant rate and counts what comes back. `now`: monotonic milliseconds. */
export function createLoad({ ratePerSecond, inFlightMax }: LoadSettings, caller: Caller, now: () => number): Load {
  const tallies = { interval: createTally(), total: createTally() }
  const both = [tallies.interval, tallies.total]
  let arrivals = createArrivals(ratePerSecond, now())
  let rate = ratePerSecond
  let requests = 0
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  const inFlight = new Set<Promise<void>>()

  function send(dueMs: number): void {
    if (inFlight.size >= inFlightMax) {
      for (const tally of both) tally.dropped('in_flight', 1)
      return
    }
    for (const tally of both) tally.sent()
    const call = caller.call(pathOfRequest(requests++)).then(outcome => {
      for (const tally of both) tally.ended(outcome, now() - dueMs)
      inFlight.delete(call)
    })
    inFlight.add(call)
  }

  function sendDue(): void {
    const { dueMs, skipped } = arrivals.take(now())
    for (const tally of both) tally.dropped('late', skipped)
    dueMs.forEach(send)
    wakeForNext()
  }

  function wakeForNext(): void {
    clearTimeout(timer)
    if (!stopped && rate > 0) timer = setTimeout(sendDue, Math.max(1, arrivals.nextMs() - now()))
  }

  const read = (tally: TallyReading): LoadReading => ({ ratePerSecond: rate, inFlight: inFlight.size, ...tally })
  return {
    start() {
      arrivals = createArrivals(rate, now())
      wakeForNext()
    },
    rate: () => rate,
    setRate(next) {
      rate = next
      arrivals.setRate(next, now())
      wakeForNext()
    },
    takeInterval() {
      const reading = read(tallies.interval.read())
      tallies.interval.reset()
      return reading
    },
    total: () => read(tallies.total.read()),
    async stop(graceMs) {
      stopped = true
      clearTimeout(timer)
      let grace: NodeJS.Timeout | undefined
      const graceOver = new Promise(resolve => {
        grace = setTimeout(resolve, graceMs)
      })
      await Promise.race([Promise.all(inFlight), graceOver])
      clearTimeout(grace)
    },
  }
}
