/** How many closed streams are remembered of each kind. Frames that were under way when one closed come soon or never. */
const REMEMBERED = 64

/** How a stream ended that is no more. `old`: nobody remembers. */
export type Ending = 'reset-by-us' | 'reset-by-peer' | 'ended' | 'old'

/** Remembers how the last streams ended: what may still come for them depends on it (RFC 9113, 5.1). */
export class ClosedStreams {
  readonly #resetByUs = new Int32Array(REMEMBERED)
  readonly #resetByPeer = new Int32Array(REMEMBERED)
  readonly #ended = new Int32Array(REMEMBERED)
  #nextByUs = 0
  #nextByPeer = 0
  #nextEnded = 0

  addResetByUs(id: number): void {
    this.#resetByUs[this.#nextByUs++ % REMEMBERED] = id
  }

  addResetByPeer(id: number): void {
    this.#resetByPeer[this.#nextByPeer++ % REMEMBERED] = id
  }

  addEnded(id: number): void {
    this.#ended[this.#nextEnded++ % REMEMBERED] = id
  }

  endingOf(id: number): Ending {
    if (this.#resetByUs.includes(id)) return 'reset-by-us'
    if (this.#resetByPeer.includes(id)) return 'reset-by-peer'
    return this.#ended.includes(id) ? 'ended' : 'old'
  }
}
