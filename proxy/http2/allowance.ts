// Hot path: one subtraction where nobody exaggerates.

/** Something that may be done so often at once, and again as it is earned by time or by useful work. */
export class Allowance {
  readonly #burst: number
  readonly #most: number
  readonly #perSecond: number
  #left: number
  #refilledMs: number

  /** @param most how far useful work fills it; time fills it up to the burst */
  constructor(burst: number, perSecond: number, nowMs: number, most = burst) {
    this.#burst = burst
    this.#most = most
    this.#perSecond = perSecond
    this.#left = burst
    this.#refilledMs = nowMs
  }

  /** Spends one. False: nothing is left. */
  take(nowMs: number): boolean {
    if (this.#left < 1) this.#refill(nowMs)
    if (this.#left < 1) return false
    this.#left--
    return true
  }

  earn(count: number): void {
    this.#left = Math.min(this.#most, this.#left + count)
  }

  #refill(nowMs: number): void {
    const earned = (Math.max(0, nowMs - this.#refilledMs) / 1000) * this.#perSecond
    this.#left = Math.min(this.#burst, this.#left + earned)
    this.#refilledMs = nowMs
  }
}
