// Hot path: header blocks (RFC 7541) become fields; each field object is made once and comes back as itself by its index.
import { DecoderTable } from './decoder-table.ts'
import { type Field, fieldLike, newField } from './field.ts'
import { decodedBytesMax, huffmanDecode } from './huffman.ts'

export interface FieldSink {
  /** @param neverIndexed the field is to stay a never-indexed literal on every hop (RFC 7541, 6.2.3) */
  onField(field: Field, neverIndexed: boolean): void
}

/** What every peer may use before it has heard of our settings (RFC 9113, 6.5.2). */
const INITIAL_TABLE_BYTES = 4096
/** What `decode` says of a table size beyond what our settings allow. */
export const TABLE_TOO_LARGE = 'a table size of more bytes than our settings allow'

const SIZE_UPDATES_MAX = 2
/** An integer with this many bits behind its prefix is far beyond every limit. */
const INTEGER_SHIFT_MAX = 28

/** Working memory of one string at a time, filled and used within one call: shared by all connections. */
let scratch = Buffer.allocUnsafeSlow(16 * 1024)

export class HpackDecoder {
  readonly #table: DecoderTable
  readonly #ownBytesMax: number
  /** What the peer may set the table to. */
  #allowedBytes: number
  /** Our settings made the table smaller than it is: the peer must say that it knows (RFC 7541, 4.2). */
  #updateOwed = false
  #bytes: Buffer = scratch
  #at = 0
  #to = 0
  #fault = ''

  /** @param tableBytesMax what our settings say as SETTINGS_HEADER_TABLE_SIZE */
  constructor(tableBytesMax: number) {
    this.#ownBytesMax = tableBytesMax
    this.#allowedBytes = Math.max(INITIAL_TABLE_BYTES, tableBytesMax)
    this.#table = new DecoderTable(INITIAL_TABLE_BYTES)
  }

  /** The peer acknowledged our settings: the table size they say is the most it may use. */
  onSettingsAcked(): void {
    this.#allowedBytes = this.#ownBytesMax
    this.#updateOwed = this.#table.bytesMax > this.#ownBytesMax
  }

  /** Bytes that the table's entries take. */
  get tableBytes(): number {
    return this.#table.bytes
  }

  /**
   * Decodes one whole block, [from, to) of `bytes`.
   * @returns '' or why it is broken: a connection error COMPRESSION_ERROR, since the table is no longer the peer's
   */
  decode(bytes: Buffer, from: number, to: number, sink: FieldSink): string {
    this.#bytes = bytes
    this.#at = from
    this.#to = to
    this.#fault = ''
    this.#sizeUpdates()
    while (this.#at < this.#to && this.#fault === '') this.#field(sink)
    // An idle connection would keep the whole of what was last read.
    this.#bytes = scratch
    return this.#fault
  }

  #sizeUpdates(): void {
    let updates = 0
    while (this.#at < this.#to && (this.#bytes[this.#at]! & 0xe0) === 0x20) {
      const size = this.#integer(5)
      if (++updates > SIZE_UPDATES_MAX) this.#fault = `more than ${SIZE_UPDATES_MAX} table size updates in one block`
      if (size > this.#allowedBytes) this.#fault = TABLE_TOO_LARGE
      if (this.#fault !== '') return
      this.#table.resize(size)
      this.#updateOwed = false
    }
    if (this.#updateOwed) this.#fault = 'no table size update, though our settings made the table smaller'
  }

  #field(sink: FieldSink): void {
    const first = this.#bytes[this.#at]!
    if (first >= 0x80) this.#indexed(sink)
    else if (first >= 0x40) {
      const field = this.#literal(6)
      if (this.#fault !== '') return
      this.#table.insert(field!)
      sink.onField(field!, false)
    } else if (first < 0x20) {
      const field = this.#literal(4)
      if (this.#fault === '') sink.onField(field!, first >= 0x10)
    } else this.#fault = 'a table size update behind a field'
  }

  #indexed(sink: FieldSink): void {
    const field = this.#table.at(this.#integer(7))
    if (field !== undefined) sink.onField(field, false)
    else if (this.#fault === '') this.#fault = 'an index beyond the tables'
  }

  /** undefined only together with a fault. */
  #literal(prefixBits: number): Field | undefined {
    const index = this.#integer(prefixBits)
    if (this.#fault !== '') return undefined
    if (index === 0) {
      const name = this.#string()
      const value = this.#string()
      return this.#fault === '' ? newField(name, value) : undefined
    }
    const like = this.#table.at(index)
    if (like === undefined) {
      this.#fault = 'an index beyond the tables'
      return undefined
    }
    const value = this.#string()
    return this.#fault === '' ? fieldLike(like, value) : undefined
  }

  /** RFC 7541, 5.1. 0 together with a fault. */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1
    let value = this.#bytes[this.#at++]! & mask
    if (value < mask) return value
    for (let shift = 0; shift < INTEGER_SHIFT_MAX; shift += 7) {
      if (this.#at >= this.#to) {
        this.#fault = 'the block ends within an integer'
        return 0
      }
      const byte = this.#bytes[this.#at++]!
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    this.#fault = 'an integer is too large'
    return 0
  }

  /** RFC 7541, 5.2. '' together with a fault. */
  #string(): string {
    if (this.#fault !== '') return ''
    if (this.#at >= this.#to) {
      this.#fault = 'the block ends before a string'
      return ''
    }
    const isHuffman = this.#bytes[this.#at]! >= 0x80
    const length = this.#integer(7)
    const from = this.#at
    if (this.#fault !== '') return ''
    if (length > this.#to - from) {
      this.#fault = 'the block ends within a string'
      return ''
    }
    this.#at += length
    if (!isHuffman) return this.#bytes.toString('latin1', from, this.#at)
    if (decodedBytesMax(length) > scratch.length) scratch = Buffer.allocUnsafeSlow(decodedBytesMax(length) * 2)
    const decoded = huffmanDecode(this.#bytes, from, this.#at, scratch)
    if (decoded >= 0) return scratch.toString('latin1', 0, decoded)
    this.#fault = 'a string is no Huffman code'
    return ''
  }
}
