// Hot path: the chunked coding (RFC 9112, 7.1), a state machine over bytes; data leaves as views of the chunk read.
import type { BodySink } from './body-sink.ts'
import { CR, HEX_PLUS_ONE, HTAB, LF, TOKEN_LOWER } from './chars.ts'
import type { HeadReader } from './head-reader.ts'
import { type InvalidMessage, invalid, type Side } from './invalid.ts'
import { CHUNK_EXTENSION_BYTES_MAX, CHUNK_SIZE_DIGITS_MAX } from './limits.ts'
import { trailerReader } from './trailers.ts'

const SIZE = 0
const EXTENSION_BEGIN = 1
const EXTENSION_NAME = 2
const VALUE_BEGIN = 3
const VALUE = 4
const QUOTED = 5
const ESCAPED = 6
const QUOTED_END = 7
const SIZE_LF = 8
const DATA = 9
const DATA_CR = 10
const DATA_LF = 11
const TRAILERS = 12
const DONE = 13

const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Reads one chunked body after another; `reset` before each. */
export class ChunkedReader {
  /** True when the message is over, or was abandoned. */
  done = false
  /** After the end: name, value ... of the trailers that may pass, null when there were none. */
  trailers: string[] | null = null
  readonly #side: Side
  #state = SIZE
  #digits = 0
  #bytesLeft = 0
  #extensionBytes = 0
  #trailerReader: HeadReader<string[]> | null = null

  constructor(side: Side) {
    this.#side = side
  }

  reset(): void {
    this.done = false
    this.trailers = null
    this.#state = SIZE
    this.#digits = 0
    this.#bytesLeft = 0
    this.#extensionBytes = 0
    this.#trailerReader = null
  }

  abandon(): void {
    this.done = true
  }

  /** As BodyReader.read, but leaves onEnd to its caller. */
  read(chunk: Buffer, from: number, sink: BodySink): number | InvalidMessage {
    let at = from
    while (at < chunk.length && !this.done) {
      if (this.#state === DATA) {
        at = this.#data(chunk, at, sink)
      } else if (this.#state === TRAILERS) {
        const end = this.#trailers(chunk, at)
        if (typeof end !== 'number') return end
        at = end
      } else {
        const fault = this.#byte(chunk[at]!)
        if (fault !== '') return invalid(this.#side, 400, fault)
        at++
      }
    }
    return at
  }

  #data(chunk: Buffer, from: number, sink: BodySink): number {
    const to = Math.min(from + this.#bytesLeft, chunk.length)
    this.#bytesLeft -= to - from
    if (this.#bytesLeft === 0) this.#state = DATA_CR
    sink.onData(chunk.subarray(from, to))
    return to
  }

  #trailers(chunk: Buffer, from: number): number | InvalidMessage {
    const isBare = this.#trailerReader === null && chunk[from] === CR && chunk[from + 1] === LF
    if (isBare) return this.#finish(from + 2, null)
    this.#trailerReader ??= trailerReader(this.#side)
    const result = this.#trailerReader.feed(chunk, from)
    if (Array.isArray(result)) return this.#finish(this.#trailerReader.end, result.length === 0 ? null : result)
    return result.status === 'invalid' ? result : chunk.length
  }

  #finish(end: number, trailers: string[] | null): number {
    this.#state = DONE
    this.done = true
    this.trailers = trailers
    return end
  }

  /** One byte between pieces of data. Returns its fault, '' when it is in its place. */
  #byte(byte: number): string {
    switch (this.#state) {
      case SIZE:
        return this.#size(byte)
      case SIZE_LF:
        if (byte !== LF) return 'a chunk size line does not end with CR LF'
        this.#state = this.#bytesLeft === 0 ? TRAILERS : DATA
        this.#digits = 0
        return ''
      case DATA_CR:
        if (byte !== CR) return 'a chunk is longer than its size says'
        this.#state = DATA_LF
        return ''
      case DATA_LF:
        if (byte !== LF) return 'a chunk does not end with CR LF'
        this.#state = SIZE
        return ''
      default:
        return this.#extension(byte)
    }
  }

  #size(byte: number): string {
    const digit = HEX_PLUS_ONE[byte]! - 1
    if (digit >= 0) {
      if (++this.#digits > CHUNK_SIZE_DIGITS_MAX) return 'a chunk size has too many digits'
      this.#bytesLeft = this.#bytesLeft * 16 + digit
      return this.#bytesLeft > Number.MAX_SAFE_INTEGER ? 'a chunk size is too large' : ''
    }
    if (this.#digits === 0) return 'a chunk size is empty or not hexadecimal'
    if (byte === CR) this.#state = SIZE_LF
    else if (byte === SEMICOLON) this.#state = EXTENSION_BEGIN
    else return 'a chunk size is followed by something that is neither an extension nor CR LF'
    return ''
  }

  /**
   * Extensions are read and dropped. Blanks around `;` and `=`, which RFC 9112, 7.1.1 lets a sender's mistake pass, are
   * refused: peers disagree on them, and nobody sends them.
   */
  #extension(byte: number): string {
    if (++this.#extensionBytes > CHUNK_EXTENSION_BYTES_MAX) return 'the chunk extensions are too large'
    const next = extensionState(this.#state, byte)
    if (next < 0) return 'a chunk extension is malformed'
    this.#state = next
    return ''
  }
}

/** `;name`, `;name=value` or `;name="value"`: the state behind `byte`, -1 when it may not stand there. */
function extensionState(state: number, byte: number): number {
  if (state === ESCAPED || (state === QUOTED && byte !== QUOTE && byte !== BACKSLASH)) {
    return (byte < 0x20 && byte !== HTAB) || byte === 0x7f ? -1 : QUOTED
  }
  if (state === QUOTED) return byte === QUOTE ? QUOTED_END : ESCAPED
  if (state !== QUOTED_END && TOKEN_LOWER[byte] !== 0) {
    return state === EXTENSION_BEGIN || state === EXTENSION_NAME ? EXTENSION_NAME : VALUE
  }
  if (state === EXTENSION_BEGIN) return -1
  if (state === VALUE_BEGIN) return byte === QUOTE ? QUOTED : -1
  if (byte === CR) return SIZE_LF
  if (byte === SEMICOLON) return EXTENSION_BEGIN
  return byte === EQUALS && state === EXTENSION_NAME ? VALUE_BEGIN : -1
}
