// Hot path: cuts the connection's bytes into frames (RFC 9113, 4.1). DATA passes through as it comes; other frames are whole.
import { DATA, FRAME_BYTES_MAX, FRAME_HEAD_BYTES, PADDED } from './codes.ts'

/** Takes frames. Each call answers whether to go on: false stops the reading for good. */
export interface FrameSink {
  /** A whole frame other than DATA: its payload is [from, to) of `bytes`, valid during the call. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): boolean
  /** A DATA frame of `frameBytes` bytes of payload, `paddingBytes` of which are padding and its length. Its data follow. */
  onDataBegin(flags: number, streamId: number, frameBytes: number, paddingBytes: number): boolean
  /** A piece of the data, never empty: valid during the call. */
  onDataBytes(bytes: Buffer): boolean
  /** All of the frame was read. */
  onDataEnd(): boolean
  /** A frame larger than we allow. */
  onFrameTooLarge(streamId: number, frameBytes: number): boolean
  /** A padding that is as long as its frame, or longer. */
  onPaddingTooLong(): boolean
}

const HEAD = 0
/** At the length of a DATA frame's padding. */
const PADDING_LENGTH = 1
const DATA_BYTES = 2
const DATA_PADDING = 3
const STOPPED = 4

const NO_BYTES = Buffer.alloc(0)

export class FrameReader {
  /** When the frame began that is not complete yet, -1: there is none. DATA frames do not count: users time their bodies. */
  unfinishedSinceMs = -1
  #state = HEAD
  /** Begin of a frame that was cut off: the head first, then all of it. */
  #carry: Buffer = NO_BYTES
  #carried = 0
  // Of the DATA frame that is being read.
  #flags = 0
  #streamId = 0
  #frameBytes = 0
  #dataLeft = 0
  #paddingLeft = 0

  /** Reads all of `chunk`, unless the sink stops it. `nowMs` is the coarse monotonic time. */
  read(chunk: Buffer, nowMs: number, sink: FrameSink): void {
    let at = 0
    while (at < chunk.length && this.#state !== STOPPED) {
      if (this.#state !== HEAD) at = this.#data(chunk, at, sink)
      else if (this.#carried > 0) at = this.#complete(chunk, at, nowMs, sink)
      else at = this.#frame(chunk, at, nowMs, sink)
    }
  }

  stop(): void {
    this.#state = STOPPED
    this.#carry = NO_BYTES
  }

  /** A frame that begins at `at`. */
  #frame(chunk: Buffer, at: number, nowMs: number, sink: FrameSink): number {
    const headEnd = at + FRAME_HEAD_BYTES
    if (headEnd > chunk.length) return this.#keep(chunk, at, FRAME_HEAD_BYTES, nowMs)
    const payloadBytes = payloadBytesAt(chunk, at)
    if (payloadBytes > FRAME_BYTES_MAX) return this.#tooLarge(chunk, at, payloadBytes, sink)
    if (chunk[at + 3] === DATA) return this.#beginData(chunk, at, payloadBytes, sink)
    const end = headEnd + payloadBytes
    if (end > chunk.length) return this.#keep(chunk, at, FRAME_HEAD_BYTES + payloadBytes, nowMs)
    this.#pass(chunk, at, end, sink)
    return end
  }

  #keep(chunk: Buffer, at: number, frameBytes: number, nowMs: number): number {
    this.#carry = Buffer.allocUnsafe(frameBytes)
    this.#carried = chunk.copy(this.#carry, 0, at)
    this.unfinishedSinceMs = nowMs
    return chunk.length
  }

  /** Goes on with a frame that was cut off. */
  #complete(chunk: Buffer, at: number, nowMs: number, sink: FrameSink): number {
    const carry = this.#carry
    const taken = chunk.copy(carry, this.#carried, at, at + carry.length - this.#carried)
    this.#carried += taken
    const end = at + taken
    if (this.#carried < carry.length) return end
    const payloadBytes = payloadBytesAt(carry, 0)
    if (carry.length === FRAME_HEAD_BYTES && payloadBytes > 0 && payloadBytes <= FRAME_BYTES_MAX && carry[3] !== DATA) {
      this.#carry = Buffer.allocUnsafe(FRAME_HEAD_BYTES + payloadBytes)
      carry.copy(this.#carry)
      return end
    }
    this.#carry = NO_BYTES
    this.#carried = 0
    this.unfinishedSinceMs = -1
    this.#frame(carry, 0, nowMs, sink)
    return end
  }

  #pass(chunk: Buffer, at: number, end: number, sink: FrameSink): void {
    const goesOn = sink.onFrame(
      chunk[at + 3]!,
      chunk[at + 4]!,
      streamIdAt(chunk, at),
      chunk,
      at + FRAME_HEAD_BYTES,
      end,
    )
    if (!goesOn) this.stop()
  }

  #tooLarge(chunk: Buffer, at: number, payloadBytes: number, sink: FrameSink): number {
    sink.onFrameTooLarge(streamIdAt(chunk, at), payloadBytes)
    this.stop()
    return chunk.length
  }

  #beginData(chunk: Buffer, at: number, payloadBytes: number, sink: FrameSink): number {
    this.#flags = chunk[at + 4]!
    this.#streamId = streamIdAt(chunk, at)
    this.#frameBytes = payloadBytes
    if ((this.#flags & PADDED) === 0) this.#announce(0, sink)
    else if (payloadBytes === 0) this.#paddingTooLong(sink)
    else this.#state = PADDING_LENGTH
    return at + FRAME_HEAD_BYTES
  }

  /** @param paddingBytes with the byte that tells its length, which was read */
  #announce(paddingBytes: number, sink: FrameSink): void {
    this.#dataLeft = this.#frameBytes - paddingBytes
    this.#paddingLeft = paddingBytes === 0 ? 0 : paddingBytes - 1
    this.#state = DATA_BYTES
    if (!sink.onDataBegin(this.#flags, this.#streamId, this.#frameBytes, paddingBytes)) this.stop()
    else if (this.#dataLeft === 0) this.#endOfData(sink)
  }

  #data(chunk: Buffer, at: number, sink: FrameSink): number {
    if (this.#state === PADDING_LENGTH) {
      const paddingBytes = chunk[at]! + 1
      if (paddingBytes > this.#frameBytes) this.#paddingTooLong(sink)
      else this.#announce(paddingBytes, sink)
      return at + 1
    }
    if (this.#state === DATA_BYTES) {
      const to = Math.min(at + this.#dataLeft, chunk.length)
      this.#dataLeft -= to - at
      if (!sink.onDataBytes(chunk.subarray(at, to))) this.stop()
      else if (this.#dataLeft === 0) this.#endOfData(sink)
      return to
    }
    const to = Math.min(at + this.#paddingLeft, chunk.length)
    this.#paddingLeft -= to - at
    if (this.#paddingLeft === 0) this.#endOfFrame(sink)
    return to
  }

  #endOfData(sink: FrameSink): void {
    if (this.#paddingLeft > 0) this.#state = DATA_PADDING
    else this.#endOfFrame(sink)
  }

  #endOfFrame(sink: FrameSink): void {
    this.#state = HEAD
    if (!sink.onDataEnd()) this.stop()
  }

  #paddingTooLong(sink: FrameSink): void {
    sink.onPaddingTooLong()
    this.stop()
  }
}

function payloadBytesAt(bytes: Buffer, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
}

/** Without the reserved bit, which means nothing (RFC 9113, 4.1). */
function streamIdAt(bytes: Buffer, at: number): number {
  return uint31At(bytes, at + 5)
}

/** 31 bits at `at`; the bit above them is reserved everywhere. */
export function uint31At(bytes: Buffer, at: number): number {
  return ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
