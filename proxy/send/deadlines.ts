// Hot path: the two clocks of a request, the whole one and that of the try under way.

export class Deadlines {
  /** Monotonic; 0: none. */
  #wholeMs: number
  #tryMs = 0
  /** How long the whole may take, as asked; 0: as long as it likes. */
  readonly spanMs: number
  readonly tryTimeoutMs: number
  /** The whole runs from the request's begin, whatever its body does: a deadline of gRPC. */
  readonly fixed: boolean

  /** `deadlineMs` monotonic, `tryTimeoutMs` a length; 0 of either: none. */
  constructor(startedMs: number, deadlineMs: number, tryTimeoutMs: number, fixed = false) {
    this.fixed = fixed
    this.#wholeMs = deadlineMs
    this.spanMs = deadlineMs > 0 ? deadlineMs - startedMs : 0
    this.tryTimeoutMs = tryTimeoutMs
  }

  startTry(nowMs: number): void {
    this.#tryMs = this.tryTimeoutMs > 0 ? nowMs + this.tryTimeoutMs : 0
  }

  /** The answer has begun: from here on only the whole counts. */
  stopTry(): void {
    this.#tryMs = 0
  }

  /** A piece of the request came in. Both run from its last byte: a slow upload is not the upstream's fault. */
  push(nowMs: number): void {
    if (this.#wholeMs > 0 && !this.fixed) this.#wholeMs = nowMs + this.spanMs
    if (this.#tryMs > 0) this.#tryMs = nowMs + this.tryTimeoutMs
  }

  /** For tunnels: they last as long as they last. */
  stop(): void {
    this.#wholeMs = 0
    this.#tryMs = 0
  }

  passed(nowMs: number): 'none' | 'try' | 'whole' {
    if (this.#wholeMs > 0 && nowMs >= this.#wholeMs) return 'whole'
    return this.#tryMs > 0 && nowMs >= this.#tryMs ? 'try' : 'none'
  }

  /** What is left of the whole; `without` where there is no deadline. */
  leftMs(nowMs: number, without: number): number {
    return this.#wholeMs > 0 ? this.#wholeMs - nowMs : without
  }
}
