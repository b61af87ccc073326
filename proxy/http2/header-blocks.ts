// Hot path: HEADERS and its CONTINUATIONs become one block (RFC 9113, 4.3). Most blocks are one frame, and are read where they lie.
import { END_HEADERS, END_STREAM, FRAME_SIZE_ERROR, PADDED, PROTOCOL_ERROR, WITH_PRIORITY } from './codes.ts'
import { uint31At } from './frame-reader.ts'
import type { ConnectionState } from './state.ts'

const PRIORITY_BYTES = 5

/** Takes a block: [from, to) of `bytes`, valid during the call. Answers whether to go on. */
export type OnBlock = (
  streamId: number,
  endStream: boolean,
  selfDependent: boolean,
  bytes: Buffer,
  from: number,
  to: number,
) => boolean

export class HeaderBlocks {
  /** The stream whose block is not complete, 0: none. Nothing but its CONTINUATIONs may come. */
  openStreamId = 0
  openedMs = 0
  readonly #state: ConnectionState
  readonly #onBlock: OnBlock
  #endStream = false
  #selfDependent = false
  #pieces: Buffer[] = []
  #bytes = 0

  constructor(state: ConnectionState, onBlock: OnBlock) {
    this.#state = state
    this.#onBlock = onBlock
  }

  headers(flags: number, streamId: number, bytes: Buffer, from: number, to: number): boolean {
    if (streamId === 0) return this.#fail(PROTOCOL_ERROR, 'HEADERS on stream 0')
    let begin = from
    let end = to
    if ((flags & PADDED) !== 0) {
      if (from === to) return this.#fail(FRAME_SIZE_ERROR, 'HEADERS without the length of its padding')
      end -= bytes[begin++]!
    }
    let selfDependent = false
    if ((flags & WITH_PRIORITY) !== 0) {
      if (to - begin < PRIORITY_BYTES)
        return this.#fail(FRAME_SIZE_ERROR, 'HEADERS without the priority that its flag announces')
      selfDependent = uint31At(bytes, begin) === streamId
      begin += PRIORITY_BYTES
    }
    if (begin > end) return this.#fail(PROTOCOL_ERROR, 'a padding that is as long as its frame, or longer')
    const endStream = (flags & END_STREAM) !== 0
    if ((flags & END_HEADERS) !== 0) return this.#onBlock(streamId, endStream, selfDependent, bytes, begin, end)
    this.openStreamId = streamId
    this.openedMs = this.#state.nowMs
    this.#endStream = endStream
    this.#selfDependent = selfDependent
    return this.#keep(bytes, begin, end)
  }

  continuation(flags: number, streamId: number, bytes: Buffer, from: number, to: number): boolean {
    const state = this.#state
    if (streamId !== this.openStreamId || streamId === 0)
      return this.#fail(PROTOCOL_ERROR, 'CONTINUATION without the block that it continues')
    // The first piece is of the HEADERS.
    if (this.#pieces.length > state.limits.continuationFramesMax) {
      state.breach('continuationFramesMax', 'too many CONTINUATION frames in one header block')
      return false
    }
    if (!this.#keep(bytes, from, to)) return false
    if ((flags & END_HEADERS) === 0) return true
    const block = Buffer.concat(this.#pieces, this.#bytes)
    this.openStreamId = 0
    this.#pieces = []
    this.#bytes = 0
    return this.#onBlock(streamId, this.#endStream, this.#selfDependent, block, 0, block.length)
  }

  #keep(bytes: Buffer, from: number, to: number): boolean {
    this.#bytes += to - from
    if (this.#bytes > this.#state.limits.headerBlockBytesMax) {
      this.#state.breach('headerBlockBytesMax', 'a header block with too many bytes')
      return false
    }
    this.#pieces.push(Buffer.from(bytes.subarray(from, to)))
    return true
  }

  #fail(code: number, reason: string): false {
    this.#state.fail(code, reason)
    return false
  }
}
