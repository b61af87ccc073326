// Hot path: cuts a piece of a head into lines, and finds every byte that may not stand in one.
import { CR, LF } from './chars.ts'
import { ControlBytes } from './control-bytes.ts'

/**
 * The lines of a piece of a head. A line is judged only when it is whole: were a bad byte reported at once, the same bytes
 * would be invalid in one piece and unfinished in two.
 */
export class Lines {
  /** The piece. */
  text = ''
  /** The same piece as bytes, from 0. */
  bytes: Uint8Array
  /** The current line without its end is [from, to). */
  from = 0
  to = 0
  /** Position behind the last line taken. */
  end = 0
  /** After `next` said false: why the line is broken, '' when it is unfinished or too long. */
  fault = ''
  /** After `next` said false: the line is longer than it may be. */
  tooLong = false
  readonly #controls = new ControlBytes()
  /** Of the control bytes, the first that is not taken. */
  #control = 0

  constructor() {
    this.bytes = this.#controls.bytes
  }

  /** Loads what is left of the last piece (`carried`, latin1) followed by bytes [from, to) of `chunk`. */
  load(carried: string, chunk: Buffer, from: number, to: number): void {
    const controls = this.#controls
    const piece = chunk.toString('latin1', from, to)
    controls.reserve(carried.length + piece.length)
    if (carried !== '') controls.bytes.write(carried, 'latin1')
    chunk.copy(controls.bytes, carried.length, from, to)
    controls.begin()
    this.text = carried === '' ? piece : carried + piece
    this.bytes = controls.bytes
    this.end = 0
    this.fault = ''
    this.tooLong = false
    this.#control = 0
  }

  /**
   * Goes to the next line, which must not have more than `bytesMax` bytes with its end. False when there is no whole and
   * sound one.
   */
  next(bytesMax: number): boolean {
    const controls = this.#controls
    const from = this.end
    const at = this.#control
    if (at >= controls.count) controls.mark(this.text.length)
    if (at >= controls.count) return this.#unfinished(bytesMax)
    const to = controls.positions[at]!
    const bytes = this.bytes
    const isLineEnd = bytes[to] === CR && to + 1 < controls.marked && bytes[to + 1] === LF
    if (!isLineEnd || to + 2 - from > bytesMax) return this.#broken(at, bytesMax)
    this.#control = at + 2
    this.from = from
    this.to = to
    this.end = to + 2
    return true
  }

  /** What no line has been taken of. */
  rest(): string {
    return this.end === 0 ? this.text : this.text.slice(this.end)
  }

  #unfinished(bytesMax: number): boolean {
    this.tooLong = this.text.length - this.end > bytesMax
    return false
  }

  /** The first control byte of the line is not its CR LF, or that comes too late. */
  #broken(at: number, bytesMax: number): boolean {
    const { bytes } = this
    const controls = this.#controls
    // Marking stops behind an LF or at the end of the piece: an LF that ends this line is among the positions.
    let lineFeed = at
    while (lineFeed < controls.count && bytes[controls.positions[lineFeed]!] !== LF) lineFeed++
    if (lineFeed === controls.count) return this.#unfinished(bytesMax)
    this.tooLong = controls.positions[lineFeed]! + 1 - this.end > bytesMax
    if (!this.tooLong) this.fault = faultOf(bytes[controls.positions[at]!]!)
    return false
  }
}

/** Half a line end is the classic disagreement that request smuggling lives on. */
function faultOf(byte: number): string {
  if (byte === LF) return 'a line ends with LF alone; lines end with CR LF'
  if (byte === CR) return 'a CR without LF behind it'
  return 'a control character in the head'
}
