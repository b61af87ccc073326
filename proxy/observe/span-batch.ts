// Hot path: spans are written as bytes from the start. As text they would be trees of their pieces, which somebody has to walk, and which
// outlive the young generation while a batch fills.

const INITIAL_BYTES = 32 * 1024
/** Of UTF-8 per UTF-16 unit, at most. */
const BYTES_PER_UNIT = 3
/** Digits of the largest safe integer. */
const DIGITS_MAX = 16

/** Spans on their way into the body of one post: a JSON array, written piece by piece. */
export class SpanBatch {
  spans = 0
  #bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  /** End of the spans that are complete. */
  #length = 0
  /** Where the next byte goes. */
  #at = 0

  /** Begins a span; one that was begun and never ended is forgotten. */
  begin(): void {
    this.#at = this.#length
    this.#reserve(1)
    this.#bytes[this.#at++] = this.spans === 0 ? OPEN : COMMA
  }

  /** The span is complete. */
  end(): void {
    this.#length = this.#at
    this.spans++
  }

  /** A piece of JSON in plain ASCII, as it is: for what is short. */
  ascii(piece: string): void {
    this.#reserve(piece.length)
    const bytes = this.#bytes
    const at = this.#at
    for (let i = 0; i < piece.length; i++) bytes[at + i] = piece.charCodeAt(i)
    this.#at = at + piece.length
  }

  /** A piece of JSON in any script. */
  json(piece: string): void {
    this.#reserve(piece.length * BYTES_PER_UNIT)
    this.#at += this.#bytes.write(piece, this.#at)
  }

  /** A piece of JSON that was encoded before. */
  encoded(piece: Buffer): void {
    this.#reserve(piece.length)
    this.#at += piece.copy(this.#bytes, this.#at)
  }

  /** A JSON string; one in plain ASCII, which nearly all are, needs no escaping. */
  text(value: string): void {
    this.#reserve(value.length + 2)
    const bytes = this.#bytes
    let at = this.#at
    bytes[at++] = QUOTE
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code < 0x20 || code === QUOTE || code === BACKSLASH || code > 0x7e) {
        this.json(JSON.stringify(value))
        return
      }
      bytes[at++] = code
    }
    bytes[at++] = QUOTE
    this.#at = at
  }

  /** @param value an integer, 0 to Number.MAX_SAFE_INTEGER */
  integer(value: number): void {
    this.#reserve(DIGITS_MAX)
    const bytes = this.#bytes
    const from = this.#at
    const to = from + digitsOf(value)
    let left = value
    // Beyond 31 bits a division costs ten times as much.
    for (let i = to - 1; i >= from; i--) {
      const rest = left < 0x80000000 ? (left / 10) | 0 : Math.floor(left / 10)
      bytes[i] = ZERO + (left - rest * 10)
      left = rest
    }
    this.#at = to
  }

  /** The whole array. Spans may still be added afterwards. */
  body(): Buffer {
    this.#at = this.#length
    this.#reserve(1)
    this.#bytes[this.#length] = CLOSE
    return this.#bytes.subarray(0, this.#length + 1)
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + more))
    this.#bytes.copy(grown, 0, 0, this.#at)
    this.#bytes = grown
  }
}

function digitsOf(value: number): number {
  let digits = 1
  for (let next = 10; next <= value; next *= 10) digits++
  return digits
}

const OPEN = 0x5b
const CLOSE = 0x5d
const COMMA = 0x2c
const QUOTE = 0x22
const BACKSLASH = 0x5c
const ZERO = 0x30
