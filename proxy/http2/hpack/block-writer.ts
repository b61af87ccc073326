// Hot path: integers and strings of a header block (RFC 7541, 5), put together in memory that all connections share.
import { COLON, TOKEN_LOWER } from '../../http1/chars.ts'
import { huffmanBytes, huffmanEncode } from './huffman.ts'

/** What an integer takes at most, and a first byte. */
const INTEGER_BYTES_MAX = 8

/** 1 for what a field may hold: all of latin1 but control characters (HTAB is fine). */
const VALUE = Uint8Array.from({ length: 256 }, (_, code) => (code === 9 || (code >= 0x20 && code !== 0x7f) ? 1 : 0))

const UNCHECKED = 'a field to be sent holds a line end or a control character: it was not checked when it was made'
/** Longer texts are written by the runtime, whose call costs as much as so many bytes do here. */
const BYTE_BY_BYTE_MAX = 96

/** One block at a time, begun and used up within one call. */
export class BlockWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(8 * 1024)
  /** Where the next byte goes; the block is [0, at). */
  at = 0

  begin(): void {
    this.at = 0
  }

  /** RFC 7541, 5.1. `pattern`: the bits above the prefix. */
  integer(prefixBits: number, pattern: number, value: number): void {
    this.#reserve(INTEGER_BYTES_MAX)
    const mask = (1 << prefixBits) - 1
    if (value < mask) {
      this.bytes[this.at++] = pattern | value
      return
    }
    this.bytes[this.at++] = pattern | mask
    let left = value - mask
    while (left >= 0x80) {
      this.bytes[this.at++] = (left & 0x7f) | 0x80
      left >>>= 7
    }
    this.bytes[this.at++] = left
  }

  /**
   * RFC 7541, 5.2. Huffman costs time and saves bytes: for what stays in the table.
   * Throws when the text holds a line end, another control character or more than latin1: it was not checked when it was made,
   * and the next hop might write it as HTTP/1.1.
   */
  string(text: string, huffman: boolean): void {
    const encodedBytes = huffman ? huffmanBytes(text) : text.length
    if (encodedBytes < text.length) {
      check(text)
      this.integer(7, 0x80, encodedBytes)
      this.#reserve(encodedBytes)
      this.at = huffmanEncode(text, this.bytes, this.at)
      return
    }
    this.integer(7, 0, text.length)
    this.#reserve(text.length)
    const { bytes, at } = this
    if (text.length > BYTE_BY_BYTE_MAX) {
      check(text)
      bytes.write(text, at, 'latin1')
    } else {
      let fine = 1
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i)
        fine &= VALUE[code] ?? 0
        bytes[at + i] = code
      }
      if (fine === 0) throw new Error(UNCHECKED)
    }
    this.at = at + text.length
  }

  /** A string that is a field name. Throws when it is not one in lower case: the peer would refuse the message. */
  name(text: string, huffman: boolean): void {
    for (let i = text.charCodeAt(0) === COLON ? 1 : 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (TOKEN_LOWER[code] !== code) throw new Error('a field name to be sent is no token in lower case')
    }
    this.string(text, huffman)
  }

  #reserve(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow((this.at + bytes) * 2)
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }
}

function check(text: string): void {
  for (let i = 0; i < text.length; i++) if (VALUE[text.charCodeAt(i)] !== 1) throw new Error(UNCHECKED)
}
