// Hot path: Huffman coding of strings (RFC 7541, 5.2), decoded a byte at a step by a table of 256 states x 256 bytes.
import { CODE_BITS, CODES, EOS } from './huffman-code.ts'

/** Of a step: bits 0-7 the next state, 8-15 the first symbol, 16-23 the second, 24-25 how many there are, 26 a fault. */
const STEPS = new Uint32Array(256 * 256)
/** 1 where a string may end: at the root, or behind at most seven bits of EOS, which are all ones. */
const ENDS = new Uint8Array(256)
const FAULT = 1 << 26

const ONE = 1 << 24
const BITS = Uint8Array.from(CODE_BITS)
const CODE = Uint32Array.from(CODES)

buildTables()

/** Nodes of the code tree: 256 inner ones for 257 symbols, which are the states. Children: below 256 a node, else 256 + symbol. */
function codeTree(): Int32Array {
  const children = new Int32Array(512).fill(-1)
  let nodes = 1
  for (let symbol = 0; symbol <= EOS; symbol++) {
    let node = 0
    for (let bit = CODE_BITS[symbol]! - 1; bit >= 0; bit--) {
      const slot = node * 2 + ((CODES[symbol]! >>> bit) & 1)
      if (bit === 0) children[slot] = 256 + symbol
      else if (children[slot] === -1) children[slot] = nodes++
      node = children[slot]!
    }
  }
  return children
}

function buildTables(): void {
  const children = codeTree()
  for (let state = 0; state < 256; state++)
    for (let byte = 0; byte < 256; byte++) STEPS[state * 256 + byte] = stepOf(children, state, byte)
  for (let depth = 0, node = 0; depth <= 7; depth++, node = children[node * 2 + 1]!) ENDS[node] = 1
}

/** The shortest code has five bits, so one byte ends two symbols at most. */
function stepOf(children: Int32Array, state: number, byte: number): number {
  let node = state
  let symbols = 0
  let count = 0
  for (let bit = 7; bit >= 0; bit--) {
    const child = children[node * 2 + ((byte >> bit) & 1)]!
    if (child < 256) {
      node = child
      continue
    }
    if (child === 256 + EOS) return FAULT
    symbols |= (child - 256) << (8 + count * 8)
    count++
    node = 0
  }
  return (node | symbols | (count * ONE)) >>> 0
}

/** Bytes that `bytes` encoded bytes can become: five bits are the shortest code. */
export function decodedBytesMax(bytes: number): number {
  return Math.ceil((bytes * 8) / 5)
}

/**
 * Decodes [from, to) of `bytes` into `out` from 0, which has room for decodedBytesMax(to - from).
 * @returns how many bytes were written, or -1: EOS within the string, or a padding that is too long or not of ones
 */
export function huffmanDecode(bytes: Uint8Array, from: number, to: number, out: Uint8Array): number {
  let state = 0
  let at = 0
  for (let i = from; i < to; i++) {
    const step = STEPS[(state << 8) | bytes[i]!]!
    if (step >= ONE) {
      if (step >= FAULT) return -1
      out[at++] = (step >>> 8) & 0xff
      if (step >= 2 * ONE) out[at++] = (step >>> 16) & 0xff
    }
    state = step & 0xff
  }
  return ENDS[state] === 1 ? at : -1
}

/** Bytes that `text` (latin1) takes when it is encoded. */
export function huffmanBytes(text: string): number {
  let bits = 0
  for (let i = 0; i < text.length; i++) bits += BITS[text.charCodeAt(i)]!
  return (bits + 7) >> 3
}

/** Writes `text` (latin1) at `at` of `out`, which has room for huffmanBytes(text). Returns the position behind. */
export function huffmanEncode(text: string, out: Uint8Array, at: number): number {
  let end = at
  let filled = 0
  let byte = 0
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i)
    const code = CODE[symbol]!
    let left = BITS[symbol]!
    while (left > 0) {
      const taken = Math.min(8 - filled, left)
      left -= taken
      byte = (byte << taken) | ((code >>> left) & ((1 << taken) - 1))
      filled += taken
      if (filled === 8) {
        out[end++] = byte
        byte = 0
        filled = 0
      }
    }
  }
  if (filled > 0) out[end++] = (byte << (8 - filled)) | (0xff >> filled)
  return end
}
