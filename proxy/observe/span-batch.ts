// Hot path: spans become bytes as they are added. Kept as text until a batch is full, each would outlive the young generation in dozens of
// pieces (a concatenation that nobody has looked at yet is a tree), and be copied once more to be joined.

const INITIAL_BYTES = 32 * 1024
/** Of UTF-8 per UTF-16 unit, at most. */
const BYTES_PER_UNIT = 3

/** Spans on their way into the body of one post: a JSON array, written piece by piece. */
export class SpanBatch {
  spans = 0
  #bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  #length = 0

  add(spanJson: string): void {
    const at = this.#length
    const bytes = this.#roomFor(spanJson.length * BYTES_PER_UNIT + 2)
    bytes[at] = this.spans === 0 ? OPEN : COMMA
    this.#length = at + 1 + bytes.write(spanJson, at + 1)
    this.spans++
  }

  /** The whole array. Spans may still be added afterwards. */
  json(): Buffer {
    const bytes = this.#roomFor(1)
    bytes[this.#length] = CLOSE
    return bytes.subarray(0, this.#length + 1)
  }

  #roomFor(more: number): Buffer {
    if (this.#length + more <= this.#bytes.length) return this.#bytes
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + more))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
    return grown
  }
}

const OPEN = 0x5b
const COMMA = 0x2c
const CLOSE = 0x5d
