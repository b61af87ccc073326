// Hot path: the two clocks of a request, the whole one and that of the try under way.
import { type Exchange, fieldOf } from '../exchange.ts'
import { takeCallersTimeouts } from './request-head.ts'

/**
 * The deadlines of an exchange, as its route, its caller and the retry policy (`perTryTimeoutMs`) have them; what the caller asks for in
 * fields of ours is taken out of the request. `repeatsCall`: it is a call of gRPC that may be tried again.
 */
export function deadlinesOf(exchange: Exchange, perTryTimeoutMs: number, repeatsCall: boolean): Deadlines {
  const { grpc, startedMs } = exchange
  const askedTryTimeoutMs = takeCallersTimeouts(exchange)
  // A call of gRPC that will not be tried again may be a stream that begins when it begins: only its deadline holds for it.
  const triesOnce = grpc && !repeatsCall
  const tryTimeoutMs = askedTryTimeoutMs >= 0 ? askedTryTimeoutMs : triesOnce ? 0 : perTryTimeoutMs
  const isFixed = grpc && fieldOf(exchange.request.fields, 'grpc-timeout') !== undefined
  return new Deadlines(startedMs, exchange.deadlineMs, tryTimeoutMs, isFixed)
}

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

  /** As long as `clientOwes` bytes that we would take, nobody else is late; but a fixed deadline takes no notice. */
  passed(nowMs: number, clientOwes: boolean): 'none' | 'try' | 'whole' {
    if (this.#wholeMs > 0 && nowMs >= this.#wholeMs && (this.fixed || !clientOwes)) return 'whole'
    return this.#tryMs > 0 && nowMs >= this.#tryMs && !clientOwes ? 'try' : 'none'
  }

  /** What is left of the whole; `without` where there is no deadline. */
  leftMs(nowMs: number, without: number): number {
    return this.#wholeMs > 0 ? this.#wholeMs - nowMs : without
  }
}
