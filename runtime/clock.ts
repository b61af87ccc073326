/** Time as an argument: programs take the system's, tests one that they move by hand. */
export interface Clock {
  /** Milliseconds, monotonic, of no particular origin: for intervals and deadlines. */
  now(): number
  /** Milliseconds since 1970: for people and spans only. */
  wall(): number
  /** Calls back once after `delayMs`; the returned function cancels. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): () => void
  /** Calls back every `periodMs`; the returned function cancels. Does not keep the process alive. */
  every(periodMs: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
  every(periodMs, callback) {
    const timer = setInterval(callback, periodMs)
    timer.unref()
    return () => clearInterval(timer)
  },
}
