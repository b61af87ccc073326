// Hot path: the streams of a connection by their ids.
import type { Stream } from './stream.ts'

const SLOTS_LEAST = 8

/**
 * In one array, open addressing, nothing left of what was taken out. A Map puts each of its tables aside for a new one after some tens of
 * streams, and each old one that the collector has not come to holds the next, and all streams that were open then: half of all requests
 * lived on until the next full collection.
 */
export class StreamTable {
  size = 0
  #slots: (Stream | undefined)[] = new Array(SLOTS_LEAST).fill(undefined)

  get(id: number): Stream | undefined {
    const slots = this.#slots
    const mask = slots.length - 1
    for (let i = (id >>> 1) & mask; ; i = (i + 1) & mask) {
      const stream = slots[i]
      if (stream === undefined || stream.id === id) return stream
    }
  }

  has(id: number): boolean {
    return this.get(id) !== undefined
  }

  /** It is not there yet. */
  add(stream: Stream): void {
    if (++this.size * 2 > this.#slots.length) this.#grow()
    this.#place(stream)
  }

  #place(stream: Stream): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let i = (stream.id >>> 1) & mask
    while (slots[i] !== undefined) i = (i + 1) & mask
    slots[i] = stream
  }

  #grow(): void {
    const streams = this.all()
    this.#slots = new Array(this.#slots.length * 2).fill(undefined)
    for (const stream of streams) this.#place(stream)
  }

  delete(id: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let hole = (id >>> 1) & mask
    while (slots[hole]?.id !== id) {
      if (slots[hole] === undefined) return
      hole = (hole + 1) & mask
    }
    this.size--
    slots[hole] = undefined
    // Those behind it that would no longer be found move up.
    for (let i = (hole + 1) & mask; slots[i] !== undefined; i = (i + 1) & mask) {
      const home = (slots[i]!.id >>> 1) & mask
      if (((i - home) & mask) < ((i - hole) & mask)) continue
      slots[hole] = slots[i]
      slots[i] = undefined
      hole = i
    }
  }

  /** A copy: streams may come and go meanwhile. */
  all(): Stream[] {
    const streams: Stream[] = []
    for (const stream of this.#slots) if (stream !== undefined) streams.push(stream)
    return streams
  }
}
