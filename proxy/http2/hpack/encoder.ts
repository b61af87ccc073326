// Hot path: fields become a header block (RFC 7541): what repeats goes into the table, what varies and what is secret does not.
import type { Fields } from '../../exchange.ts'
import { BlockWriter } from './block-writer.ts'
import { DROPPED, INDEXED, NEVER, type Policy, UNIQUE, VARYING } from './encoder-policy.ts'
import { EncoderTable, type NameRecord } from './encoder-table.ts'

/** What our peer's decoder begins with (RFC 9113, 6.5.2). */
const INITIAL_TABLE_BYTES = 4096
/** Of a name with so many values in the table, further ones are taken for varying: they would drive out what repeats. */
const VALUES_PER_NAME_MAX = 4
/** So many places of a block are remembered. */
const EXPECTED_MAX = 24

const writer = new BlockWriter()

/**
 * One connection's encoder. `begin`, fields, and then [0, blockBytes) of `block` is the block, good until the next `begin` of any
 * encoder: to be copied at once. A block that was begun must be sent, or `abandon` be called.
 */
export class HpackEncoder {
  readonly #ownBytesMax: number
  readonly #table: EncoderTable
  /** The names of the last block by their place: those of the next are mostly the same, and need not be looked up. */
  readonly #expected: NameRecord[] = []
  #place = 0
  /** Sizes to be told at the next block's start, -1: none. The smallest in between, too (RFC 7541, 4.2). */
  #smallest = -1
  #final = -1

  /** @param tableBytesMax the most that we keep, whatever the peer offers */
  constructor(tableBytesMax: number) {
    this.#ownBytesMax = tableBytesMax
    this.#table = new EncoderTable(INITIAL_TABLE_BYTES)
    if (tableBytesMax < INITIAL_TABLE_BYTES) this.setPeerTableBytes(INITIAL_TABLE_BYTES)
  }

  get block(): Buffer {
    return writer.bytes
  }

  get blockBytes(): number {
    return writer.at
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setPeerTableBytes(bytes: number): void {
    const size = Math.min(bytes, this.#ownBytesMax)
    if (size === this.#table.bytesMax) return
    this.#smallest = this.#smallest < 0 ? size : Math.min(this.#smallest, size)
    this.#final = size
    this.#table.resize(size)
  }

  begin(): void {
    writer.begin()
    this.#place = 0
    if (this.#final < 0) return
    if (this.#smallest < this.#final) writer.integer(5, 0x20, this.#smallest)
    writer.integer(5, 0x20, this.#final)
    this.#smallest = -1
    this.#final = -1
  }

  /** The block was begun and will not be sent: what was inserted meanwhile is unknown to the peer. The table begins anew. */
  abandon(): void {
    const size = this.#table.bytesMax
    this.#table.resize(0)
    this.#table.resize(size)
    this.#smallest = 0
    this.#final = size
  }

  /**
   * Name, value, name, value ...: names in lower case. Fields of an HTTP/1.1 connection are left out.
   * @param neverIndexed names whose fields came as never-indexed, and stay so
   * Throws as BlockWriter does.
   */
  fields(fields: Readonly<Fields>, neverIndexed: readonly string[] | null): void {
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]!
      this.field(name, fields[i + 1]!, neverIndexed?.includes(name) ?? false)
    }
  }

  field(name: string, value: string, neverIndexed: boolean): void {
    const record = this.#recordOf(name)
    const policy = record.known?.policy ?? INDEXED
    if (policy === DROPPED) return
    const nameIndex = this.#nameIndexOf(record)
    if (neverIndexed || policy === NEVER) {
      literal(0x10, 4, nameIndex, name, value, false)
      return
    }
    const index = policy === UNIQUE ? 0 : this.#indexOf(value, record)
    if (index > 0) writer.integer(7, 0x80, index)
    else if (repeats(policy, record, nameIndex) && this.#table.takes(name, value)) {
      literal(0x40, 6, nameIndex, name, value, true)
      this.#table.insert(record, value)
    } else literal(0, 4, nameIndex, name, value, false)
  }

  #recordOf(name: string): NameRecord {
    const place = this.#place++
    const expected = this.#expected[place]
    if (expected !== undefined && expected.name === name) return expected
    const record = this.#table.recordOf(name)
    if (place < EXPECTED_MAX) this.#expected[place] = record
    return record
  }

  /** Index of any entry with this name, 0: none. */
  #nameIndexOf({ known, entries }: NameRecord): number {
    if (known !== undefined && known.staticIndex > 0) return known.staticIndex
    return entries.length === 0 ? 0 : this.#table.indexOf(entries[entries.length - 1]!)
  }

  /** Index of the entry with this value, too, 0: none. */
  #indexOf(value: string, { known, entries }: NameRecord): number {
    if (known !== undefined) {
      const { staticValues } = known
      for (let i = 0; i < staticValues.length; i++) if (staticValues[i] === value) return known.staticIndex + i
    }
    for (let i = entries.length - 1; i >= 0; i--) {
      if (entries[i]!.value === value) return this.#table.indexOf(entries[i]!)
    }
    return 0
  }
}

/** Whether this value is worth a place in the table; of what varies it is the name that is. */
function repeats(policy: Policy, { entries }: NameRecord, nameIndex: number): boolean {
  if (policy === VARYING || policy === UNIQUE) return nameIndex === 0
  return entries.length < VALUES_PER_NAME_MAX
}

function literal(
  pattern: number,
  prefixBits: number,
  nameIndex: number,
  name: string,
  value: string,
  huffman: boolean,
): void {
  writer.integer(prefixBits, pattern, nameIndex)
  if (nameIndex === 0) writer.name(name, huffman)
  writer.string(value, huffman)
}
