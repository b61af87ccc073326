// Hot path: bytes of the peer, frame by frame, to the part that understands them.
import {
  ACK,
  CONTINUATION,
  FRAME_BYTES_MAX,
  FRAME_SIZE_ERROR,
  GOAWAY,
  HEADERS,
  PING,
  PRIORITY,
  PROTOCOL_ERROR,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from './codes.ts'
import { FrameReader, type FrameSink } from './frame-reader.ts'
import { HeaderBlocks } from './header-blocks.ts'
import { CLIENT_PREFACE } from './preface.ts'
import { ReceivingControl } from './receiving-control.ts'
import { ReceivingData } from './receiving-data.ts'
import { ReceivingHeads } from './receiving-heads.ts'
import type { Sending } from './sending.ts'
import type { ConnectionState } from './state.ts'

export class Receiving implements FrameSink {
  readonly data: ReceivingData
  readonly heads: ReceivingHeads
  readonly #state: ConnectionState
  readonly #blocks: HeaderBlocks
  readonly #control: ReceivingControl
  readonly #onPong: (payload: number) => void
  readonly #reader = new FrameReader()
  /** Bytes of the preface that are still to come. */
  #prefaceLeft: number
  #sawSettings = false

  /** @param onPong told of an answer to PING with the first four bytes of its payload */
  constructor(state: ConnectionState, sending: Sending, extendedConnect: boolean, onPong: (payload: number) => void) {
    this.#state = state
    this.#onPong = onPong
    this.#prefaceLeft = state.role === 'server' ? CLIENT_PREFACE.length : 0
    this.data = new ReceivingData(state)
    this.heads = new ReceivingHeads(state, this.data, extendedConnect)
    this.#control = new ReceivingControl(state, sending, this.heads.decoder)
    this.#blocks = new HeaderBlocks(state, (id, endStream, selfDependent, bytes, from, to) =>
      this.heads.block(id, endStream, selfDependent, bytes, from, to),
    )
  }

  /** The peer's preface and first SETTINGS came (RFC 9113, 3.4). */
  get begun(): boolean {
    return this.#sawSettings
  }

  /** Since when a frame or header block is incomplete, -1: none is. */
  get unfinishedSinceMs(): number {
    if (this.#blocks.openStreamId !== 0) return this.#blocks.openedMs
    return this.#reader.unfinishedSinceMs
  }

  feed(chunk: Buffer): void {
    let from = 0
    if (this.#prefaceLeft > 0) {
      from = Math.min(this.#prefaceLeft, chunk.length)
      const at = CLIENT_PREFACE.length - this.#prefaceLeft
      if (chunk.compare(CLIENT_PREFACE, at, at + from, 0, from) !== 0) {
        this.#fail(PROTOCOL_ERROR, 'it does not begin as HTTP/2 does')
        return
      }
      this.#prefaceLeft -= from
    }
    if (from < chunk.length) this.#reader.read(from === 0 ? chunk : chunk.subarray(from), this.#state.nowMs, this)
  }

  // ---- FrameSink

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): boolean {
    if (this.#state.ended) return false
    if (!this.#mayCome(type, flags)) return false
    switch (type) {
      case HEADERS:
        return this.#blocks.headers(flags, streamId, bytes, from, to)
      case CONTINUATION:
        return this.#blocks.continuation(flags, streamId, bytes, from, to)
      case WINDOW_UPDATE:
        return this.#control.windowUpdate(streamId, bytes, from, to)
      case RST_STREAM:
        return this.#control.reset(streamId, bytes, from, to)
      case SETTINGS:
        return this.#control.settings(flags, streamId, bytes, from, to)
      case PING:
        return this.#control.ping(flags, streamId, bytes, from, to, this.#onPong)
      case PRIORITY:
        return this.#control.priority(streamId, bytes, from, to)
      case GOAWAY:
        return this.#control.goAway(streamId, bytes, from, to)
      case PUSH_PROMISE:
        return this.#fail(PROTOCOL_ERROR, 'PUSH_PROMISE, which nobody here may send')
      default:
        return this.#control.ignored()
    }
  }

  /** SETTINGS come first (3.4), and nothing comes between the frames of a header block (4.3). */
  #mayCome(type: number, flags: number): boolean {
    if (!this.#sawSettings) {
      if (type !== SETTINGS || (flags & ACK) !== 0) return this.#fail(PROTOCOL_ERROR, 'its first frame is not SETTINGS')
      this.#sawSettings = true
    }
    if (this.#blocks.openStreamId === 0 || type === CONTINUATION) return true
    return this.#fail(PROTOCOL_ERROR, 'a frame within a header block')
  }

  onDataBegin(flags: number, streamId: number, frameBytes: number, paddingBytes: number): boolean {
    if (this.#state.ended || !this.#mayCome(0, flags)) return false
    return this.data.begin(flags, streamId, frameBytes, paddingBytes)
  }

  onDataBytes(bytes: Buffer): boolean {
    return this.data.bytes(bytes)
  }

  onDataEnd(): boolean {
    return this.data.end()
  }

  onFrameTooLarge(): boolean {
    return this.#fail(FRAME_SIZE_ERROR, `a frame of more than ${FRAME_BYTES_MAX} bytes`)
  }

  onPaddingTooLong(): boolean {
    return this.#fail(PROTOCOL_ERROR, 'a padding that is as long as its frame, or longer')
  }

  #fail(code: number, reason: string): false {
    this.#state.fail(code, reason)
    return false
  }
}
