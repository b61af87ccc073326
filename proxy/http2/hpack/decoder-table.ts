// Hot path: the dynamic table of the peer's encoder (RFC 7541, 2.3.2), a ring of fields.
import { type Field, newField } from './field.ts'
import { DYNAMIC_FROM, ENTRY_OVERHEAD_BYTES, STATIC_TABLE } from './static-table.ts'

const STATIC_FIELDS: readonly Field[] = STATIC_TABLE.map(([name, value]) => newField(name, value))

export class DecoderTable {
  /** Bytes that the entries may take; the peer changes it within what our settings allow. */
  #bytesMax: number
  #bytes = 0
  readonly #ring: (Field | undefined)[]
  readonly #mask: number
  #count = 0
  /** Where the next entry goes. */
  #next = 0

  /** @param bytesMax the largest size that will ever be allowed */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    const slots = 2 ** Math.ceil(Math.log2(Math.max(1, bytesMax / ENTRY_OVERHEAD_BYTES)))
    this.#ring = new Array(slots).fill(undefined)
    this.#mask = slots - 1
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
    return age < this.#count ? this.#ring[(this.#next - 1 - age) & this.#mask] : undefined
  }

  /** A field larger than the table empties it, which is no error (RFC 7541, 4.4). */
  insert(field: Field): void {
    this.#evictTo(this.#bytesMax - field.bytes)
    if (field.bytes > this.#bytesMax) return
    this.#ring[this.#next] = field
    this.#next = (this.#next + 1) & this.#mask
    this.#count++
    this.#bytes += field.bytes
  }

  resize(bytesMax: number): void {
    this.#bytesMax = bytesMax
    this.#evictTo(bytesMax)
  }

  #evictTo(bytes: number): void {
    while (this.#count > 0 && this.#bytes > bytes) {
      const oldest = (this.#next - this.#count) & this.#mask
      this.#bytes -= this.#ring[oldest]!.bytes
      this.#ring[oldest] = undefined
      this.#count--
    }
  }
}
