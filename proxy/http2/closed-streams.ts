/** How many closed streams are remembered of each kind. Frames that were under way when one closed come soon or never. */
const REMEMBERED = 64

/** How a stream ended that is no more. `old`: nobody remembers. */
export type Ending = 'reset-by-us' | 'reset-by-peer' | 'ended' | 'old'

/** The last ids of one kind. Takes no memory until there is one: many connections idle. */
class LastIds {
  #ids: Int32Array | undefined = undefined
  #next = 0

  add(id: number): void {
    this.#ids ??= new Int32Array(REMEMBERED)
    this.#ids[this.#next] = id
    this.#next = (this.#next + 1) % REMEMBERED
  }

  has(id: number): boolean {
    return this.#ids?.includes(id) ?? false
  }
}

/** Remembers how the last streams ended: what may still come for them depends on it (RFC 9113, 5.1). */
export class ClosedStreams {
  readonly resetByUs = new LastIds()
  readonly resetByPeer = new LastIds()
  readonly ended = new LastIds()

  endingOf(id: number): Ending {
    if (this.resetByUs.has(id)) return 'reset-by-us'
    if (this.resetByPeer.has(id)) return 'reset-by-peer'
    return this.ended.has(id) ? 'ended' : 'old'
  }
}
