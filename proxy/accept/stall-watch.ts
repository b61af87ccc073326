/** Watches whether the bytes that wait for a client move. */
export class StallWatch {
  #unsentBytes = 0
  #sinceMs = 0

  /** To be asked again and again: for how long `unsentBytes` have stood at what they are; 0 when nothing waits. */
  lastsMs(unsentBytes: number, nowMs: number): number {
    if (unsentBytes !== 0 && unsentBytes === this.#unsentBytes) return nowMs - this.#sinceMs
    this.#unsentBytes = unsentBytes
    this.#sinceMs = nowMs
    return 0
  }
}
