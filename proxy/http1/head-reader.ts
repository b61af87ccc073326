// Hot path: one head per request and per answer. A head that arrives in one chunk is one latin1 string, scanned once.
import type { InvalidMessage } from './invalid.ts'

/**
 * Reads lines into a result. Judges only whole lines, so that what it says can never depend on how the bytes were split.
 */
export interface LineParser<Result> {
  /**
   * Takes the whole lines of `text` and returns the position behind the last one taken. Sets `result` when the section
   * has ended or is invalid. Whoever calls it again passes the rest as the beginning of the next text.
   */
  scan(text: string): number
  /** The section, its fault, or null while more lines are needed. */
  result: Result | InvalidMessage | null
  /** Bytes the line now being read may have, its end included. */
  lineBytesMax(): number
  /** The fault of a line that is longer. */
  lineTooLong(): InvalidMessage
  /** True once the section has begun (empty lines before a request line do not count). */
  readonly started: boolean
  /** Makes ready for the next section. */
  reset(): void
}

export interface Incomplete {
  readonly status: 'incomplete'
}

export const INCOMPLETE: Incomplete = { status: 'incomplete' }

/** Bytes turned into a string at once: enough for nearly every head, little wasted on the body that follows it. */
const WINDOW_BYTES = 2048

/**
 * Puts a head (or trailer section) together from chunks, however they are cut. One per connection and direction; after a
 * result it is ready for the next head. Every byte is turned into a string once and scanned at most twice.
 */
export class HeadReader<Result> {
  /** After a result: the offset in the chunk of the first byte behind the head. After INCOMPLETE: the chunk's length. */
  end = 0
  readonly #parser: LineParser<Result>
  /** The beginning of a line whose end has not come yet. */
  #carried = ''

  constructor(parser: LineParser<Result>) {
    this.#parser = parser
  }

  /** True when part of a head has been read: time to run the slow-head clock, and no time to close as idle. */
  get started(): boolean {
    return this.#parser.started || this.#carried !== ''
  }

  /**
   * Reads `chunk` from offset `from`. Returns the head once it is complete, an InvalidMessage (after which the connection
   * is of no use), or INCOMPLETE. The chunk is not kept.
   */
  feed(chunk: Buffer, from: number): Result | InvalidMessage | Incomplete {
    const parser = this.#parser
    let at = from
    while (at < chunk.length) {
      const to = Math.min(at + WINDOW_BYTES, chunk.length)
      const piece = chunk.toString('latin1', at, to)
      at = to
      const carried = this.#carried
      const text = carried === '' ? piece : carried + piece
      // Without this a line that comes byte by byte would be scanned from its beginning for every byte.
      const hasLineEnd = carried === '' || piece.includes('\n')
      const taken = hasLineEnd ? parser.scan(text) : 0
      if (parser.result !== null) return this.#finish(at - (text.length - taken), parser.result)
      this.#carried = taken === 0 ? text : text.slice(taken)
      if (this.#carried.length > parser.lineBytesMax()) return this.#finish(at, parser.lineTooLong())
    }
    this.end = chunk.length
    return INCOMPLETE
  }

  #finish(end: number, result: Result | InvalidMessage): Result | InvalidMessage {
    this.end = end
    this.#carried = ''
    this.#parser.reset()
    return result
  }
}
