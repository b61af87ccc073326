// Hot path: a request's body on its way to whichever connection carries it.
import type { Fields } from '../exchange.ts'
import type { Carrier } from './carrier.ts'
import { REPLAY_BYTES_MAX } from './retry.ts'

/** Where the body goes. */
type BodyTaker = Pick<Carrier, 'data' | 'end'>

/** Passes a body on, and keeps a copy for as long as it may have to be sent again. */
export class RequestBody {
  /** It can no longer be sent from its beginning. */
  unrepeatable = false
  /** The client was told to wait. */
  paused = false
  /** undefined: nothing is kept (any more). */
  #kept: Buffer[] | undefined
  #keptBytes = 0
  #trailers: Fields | null = null

  constructor(hasBody: boolean) {
    this.#kept = hasBody ? [] : undefined
  }

  /** A piece came in. `carrier` undefined: there is none yet. False: the client is to wait. */
  take(chunk: Buffer, carrier: BodyTaker | undefined): boolean {
    if (carrier === undefined) {
      this.#keep(chunk)
      // One piece more than the bound at most: whoever sends is told to wait then.
      this.paused = this.#keptBytes >= REPLAY_BYTES_MAX
      return !this.paused
    }
    if (this.#kept !== undefined) {
      if (this.#keptBytes + chunk.length <= REPLAY_BYTES_MAX) this.#keep(chunk)
      else this.forget()
    }
    this.paused = !carrier.data(chunk)
    return !this.paused
  }

  /** It is complete. */
  end(trailers: Fields | null, carrier: BodyTaker | undefined): void {
    this.#trailers = trailers
    carrier?.end(trailers)
  }

  /** Sends what there is of it, from the beginning; behind it, what `take` brings. */
  sendTo(carrier: BodyTaker, complete: boolean): void {
    if (this.#kept !== undefined) for (const chunk of this.#kept) carrier.data(chunk)
    if (complete) carrier.end(this.#trailers)
    // What waited for a carrier may be more than may be kept for another.
    if (this.#keptBytes > REPLAY_BYTES_MAX) this.forget()
  }

  /** Lets go of the copy: it will not be sent again. */
  forget(): void {
    if (this.#kept === undefined) return
    this.#kept = undefined
    this.unrepeatable = true
  }

  /** Copies: a small piece is a view of a big read, which it would keep alive. */
  #keep(chunk: Buffer): void {
    this.#kept?.push(Buffer.from(chunk))
    this.#keptBytes += chunk.length
  }
}
