// Hot path: one head per request and per answer. A head that arrives in one chunk is one latin1 string, scanned once.
import { LF } from './chars.ts'
import { type InvalidMessage, invalid, type Side } from './invalid.ts'
import { Lines } from './lines.ts'

/** Reads lines into a result. */
export interface LineParser<Result> {
  readonly side: Side
  /** True once the section has begun (empty lines before a request line do not count). */
  readonly started: boolean
  /** Takes the current line of `lines`. Returns the result once the section has ended or is invalid, else null. */
  line(lines: Lines): Result | InvalidMessage | null
  /** Bytes the next line may have, its end included. */
  lineBytesMax(): number
  /** The fault of a line that is longer. */
  lineTooLong(): InvalidMessage
  /** Makes ready for the next section. */
  reset(): void
}

export interface Incomplete {
  readonly status: 'incomplete'
}

const INCOMPLETE: Incomplete = { status: 'incomplete' }

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
    let at = from
    while (at < chunk.length) {
      const to = Math.min(at + WINDOW_BYTES, chunk.length)
      const result = this.#read(chunk, at, to)
      if (result !== null) return result
      at = to
    }
    this.end = chunk.length
    return INCOMPLETE
  }

  #read(chunk: Buffer, from: number, to: number): Result | InvalidMessage | null {
    const parser = this.#parser
    const carried = this.#carried
    // Without this a line that comes byte by byte would be scanned from its beginning for every byte.
    if (carried !== '' && !hasLineFeed(chunk, from, to)) {
      this.#carried = carried + chunk.toString('latin1', from, to)
      return this.#carried.length > parser.lineBytesMax() ? this.#finish(to, parser.lineTooLong()) : null
    }
    lines.load(carried, chunk, from, to)
    while (lines.next(parser.lineBytesMax())) {
      const result = parser.line(lines)
      if (result !== null) return this.#finish(from - carried.length + lines.end, result)
    }
    if (lines.tooLong) return this.#finish(to, parser.lineTooLong())
    if (lines.fault !== '') return this.#finish(to, invalid(parser.side, 400, lines.fault))
    this.#carried = lines.rest()
    return null
  }

  #finish(end: number, result: Result | InvalidMessage): Result | InvalidMessage {
    this.end = end
    this.#carried = ''
    this.#parser.reset()
    return result
  }
}

/** Shared by all readers: a piece is loaded, read and left within one call of feed. */
const lines = new Lines()

function hasLineFeed(chunk: Buffer, from: number, to: number): boolean {
  const at = chunk.indexOf(LF, from)
  return at >= 0 && at < to
}
