import type { Exchange, Fields, Stage, UpstreamSide } from '../exchange.ts'

/** What of a request's body is kept while its token is verified; past it the client is not read. */
const HELD_BYTES_MAX = 64 * 1024

/** Stands in for send/ while nobody knows yet whether a request may go on: keeps what comes of its body, bounded. */
export class HeldRequest implements UpstreamSide {
  readonly #chunks: Buffer[] = []
  #bytes = 0
  #ended = false
  #trailers: Fields | null = null
  /** The client left, or broke its message: there is nothing to go on with. */
  gone = false

  onData(chunk: Buffer): boolean {
    // The bytes are the codec's: they are only good during the call.
    this.#chunks.push(Buffer.from(chunk))
    this.#bytes += chunk.length
    return this.#bytes < HELD_BYTES_MAX
  }

  onEnd(trailers: Fields | null): void {
    this.#ended = true
    this.#trailers = trailers
  }

  onAbort(): void {
    this.gone = true
    this.#chunks.length = 0
  }

  resumeResponse(): void {}

  /** Lets the request go on: the stage that follows sees it as if it had just come, then its body. */
  release(exchange: Exchange, next: Stage): void {
    exchange.upstream = undefined
    if (this.#ended) exchange.requestEnded = false
    next(exchange)
    const taker = () => exchange.upstream
    let ready = true
    for (const chunk of this.#chunks) {
      if (exchange.over) return
      ready = taker()?.onData(chunk) ?? true
    }
    this.#chunks.length = 0
    if (exchange.over) return
    if (this.#ended) {
      exchange.requestEnded = true
      taker()?.onEnd(this.#trailers)
    } else if (ready) exchange.resumeRequest()
  }
}
