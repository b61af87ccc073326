// Hot path: our side of the dynamic table (RFC 7541, 2.3.2): found by name, then by value.
import { type KnownName, knownName } from './encoder-policy.ts'
import { DYNAMIC_FROM, ENTRY_OVERHEAD_BYTES } from './static-table.ts'

/** All that is to be known of a name, on one connection. */
export interface NameRecord {
  readonly name: string
  readonly known: KnownName | undefined
  /** Those of the table with this name, the oldest first. */
  readonly entries: DynamicEntry[]
}

export interface DynamicEntry {
  readonly record: NameRecord
  readonly value: string
  /** How many were inserted before it. */
  readonly serial: number
  readonly bytes: number
}

/** Of entries that left, so many places may stay at the array's begin. */
const GAP_MAX = 256

export class EncoderTable {
  #bytesMax: number
  #bytes = 0
  /** Of the names that have entries. */
  readonly #byName = new Map<string, NameRecord>()
  /** All of them, in order. */
  readonly #entries: DynamicEntry[] = []
  #oldest = 0
  #inserted = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytesMax(): number {
    return this.#bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** May be kept: it stays good, whatever happens to its entries. */
  recordOf(name: string): NameRecord {
    return this.#byName.get(name) ?? { name, known: knownName(name), entries: [] }
  }

  indexOf(entry: DynamicEntry): number {
    return DYNAMIC_FROM + (this.#inserted - 1 - entry.serial)
  }

  /** Whether an entry of this size fits, and leaves a part of the table to others. */
  takes(name: string, value: string): boolean {
    return (name.length + value.length + ENTRY_OVERHEAD_BYTES) * 4 <= this.#bytesMax * 3
  }

  /** Only for what the table takes. */
  insert(record: NameRecord, value: string): void {
    const { name } = record
    const bytes = name.length + value.length + ENTRY_OVERHEAD_BYTES
    this.#evictTo(this.#bytesMax - bytes)
    const entry = { record, value, serial: this.#inserted++, bytes }
    if (record.entries.push(entry) === 1) this.#byName.set(name, record)
    this.#entries.push(entry)
    this.#bytes += bytes
  }

  resize(bytesMax: number): void {
    this.#bytesMax = bytesMax
    this.#evictTo(bytesMax)
  }

  #evictTo(bytes: number): void {
    while (this.#bytes > bytes) {
      const { record, bytes: freed } = this.#entries[this.#oldest++]!
      this.#bytes -= freed
      // The oldest of all is the oldest of its name.
      record.entries.shift()
      if (record.entries.length === 0 && this.#byName.get(record.name) === record) this.#byName.delete(record.name)
    }
    if (this.#oldest < GAP_MAX && this.#oldest < this.#entries.length) return
    this.#entries.splice(0, this.#oldest)
    this.#oldest = 0
  }
}
