// Hot path: our side of the dynamic table (RFC 7541, 2.3.2): found by name, then by value.
import { DYNAMIC_FROM, ENTRY_OVERHEAD_BYTES } from './static-table.ts'

export interface DynamicEntry {
  readonly name: string
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
  /** The entries of each name, the oldest first. */
  readonly #byName = new Map<string, DynamicEntry[]>()
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

  entriesOf(name: string): readonly DynamicEntry[] | undefined {
    return this.#byName.get(name)
  }

  indexOf(entry: DynamicEntry): number {
    return DYNAMIC_FROM + (this.#inserted - 1 - entry.serial)
  }

  /** Whether an entry of this size fits, and leaves a part of the table to others. */
  takes(name: string, value: string): boolean {
    return (name.length + value.length + ENTRY_OVERHEAD_BYTES) * 4 <= this.#bytesMax * 3
  }

  /** Only for what the table takes. */
  insert(name: string, value: string): void {
    const bytes = name.length + value.length + ENTRY_OVERHEAD_BYTES
    this.#evictTo(this.#bytesMax - bytes)
    const entry = { name, value, serial: this.#inserted++, bytes }
    const list = this.#byName.get(name)
    if (list === undefined) this.#byName.set(name, [entry])
    else list.push(entry)
    this.#entries.push(entry)
    this.#bytes += bytes
  }

  resize(bytesMax: number): void {
    this.#bytesMax = bytesMax
    this.#evictTo(bytesMax)
  }

  #evictTo(bytes: number): void {
    while (this.#bytes > bytes) {
      const { name, bytes: freed } = this.#entries[this.#oldest++]!
      this.#bytes -= freed
      const list = this.#byName.get(name)!
      // The oldest of all is the oldest of its name.
      list.shift()
      if (list.length === 0) this.#byName.delete(name)
    }
    if (this.#oldest < GAP_MAX && this.#oldest < this.#entries.length) return
    this.#entries.splice(0, this.#oldest)
    this.#oldest = 0
  }
}
