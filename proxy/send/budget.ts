/** Seconds over which requests and retries are counted against each other. */
const WINDOW_SECONDS = 10

/**
 * How many retries a cluster may add to its load: a share of the requests of the last ten seconds, and so many in each second always, so
 * that a service that is hardly called can be retried, too. Without it, retries of a service that is down multiply its load.
 */
export class RetryBudget {
  readonly #requests = new Float64Array(WINDOW_SECONDS)
  readonly #retries = new Float64Array(WINDOW_SECONDS)
  #second = 0
  #requestsSum = 0
  #retriesSum = 0

  /** Counts a request (not its retries). */
  noteRequest(nowMs: number): void {
    this.#turn(nowMs)
    this.#requests[this.#second % WINDOW_SECONDS]!++
    this.#requestsSum++
  }

  /** True: one retry more is allowed, and counted. `share` of requests, `perSecond` always. */
  take(share: number, perSecond: number, nowMs: number): boolean {
    this.#turn(nowMs)
    const at = this.#second % WINDOW_SECONDS
    const allowed = this.#retries[at]! < perSecond || this.#retriesSum + 1 <= share * this.#requestsSum
    if (!allowed) return false
    this.#retries[at]!++
    this.#retriesSum++
    return true
  }

  #turn(nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    if (second === this.#second) return
    const passed = Math.min(second - this.#second, WINDOW_SECONDS)
    for (let i = 1; i <= passed; i++) {
      const at = (this.#second + i) % WINDOW_SECONDS
      this.#requestsSum -= this.#requests[at]!
      this.#retriesSum -= this.#retries[at]!
      this.#requests[at] = 0
      this.#retries[at] = 0
    }
    // A long pause skips seconds: every slot is empty by then, whichever comes next.
    this.#second = second
  }
}
