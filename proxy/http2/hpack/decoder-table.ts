// Hot path: the dynamic table of the peer's encoder (RFC 7541, 2.3.2), a ring of fields.
import { type Field, newField } from './field.ts'
import { DYNAMIC_FROM, STATIC_TABLE } from './static-table.ts'

const STATIC_FIELDS: readonly Field[] = STATIC_TABLE.map(([name, value]) => newField(name, value))

const SLOTS_MIN = 16
const EMPTY: (Field | undefined)[] = []

export class DecoderTable {
  /** Bytes that the entries may take; the peer changes it within what our settings allow. */
  #bytesMax: number
  #bytes = 0
  /** Grows as it is needed: many connections idle. Its length is a power of two. */
  #ring: (Field | undefined)[] = EMPTY
  #count = 0
  /** Where the next entry goes. */
  #next = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get bytesMax(): number {
    return this.#bytesMax
  }

  /** The field at an index of the joined tables, undefined when there is none. Of a static name without value the value is ''. */
  at(index: number): Field | undefined {
    if (index < DYNAMIC_FROM) return STATIC_FIELDS[index - 1]
    const age = index - DYNAMIC_FROM
    return age < this.#count ? this.#ring[(this.#next - 1 - age) & (this.#ring.length - 1)] : undefined
  }

  /** A field larger than the table empties it, which is no error (RFC 7541, 4.4). */
  insert(field: Field): void {
    this.#evictTo(this.#bytesMax - field.bytes)
    if (field.bytes > this.#bytesMax) return
    if (this.#count === this.#ring.length) this.#grow()
    this.#ring[this.#next] = field
    this.#next = (this.#next + 1) & (this.#ring.length - 1)
    this.#count++
    this.#bytes += field.bytes
  }

  resize(bytesMax: number): void {
    this.#bytesMax = bytesMax
    this.#evictTo(bytesMax)
  }

  #grow(): void {
    const inOrder = this.#ring.slice(this.#next).concat(this.#ring.slice(0, this.#next))
    const slots = Math.max(SLOTS_MIN, this.#ring.length * 2)
    this.#ring = inOrder.concat(new Array(slots - inOrder.length).fill(undefined))
    this.#next = this.#count
  }

  #evictTo(bytes: number): void {
    while (this.#count > 0 && this.#bytes > bytes) {
      const oldest = (this.#next - this.#count) & (this.#ring.length - 1)
      this.#bytes -= this.#ring[oldest]!.bytes
      this.#ring[oldest] = undefined
      this.#count--
    }
  }
}
