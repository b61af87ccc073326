// Hot path: DATA as it comes (RFC 9113, 6.1), and the credit that lets more of it come (5.2).
import type { Fields } from '../exchange.ts'
import { END_STREAM, FLOW_CONTROL_ERROR, INITIAL_WINDOW_BYTES, PROTOCOL_ERROR, STREAM_CLOSED } from './codes.ts'
import { writeWindowUpdate } from './frame-writer.ts'
import { refuseLate } from './late-frames.ts'
import type { ConnectionState } from './state.ts'
import type { Stream } from './stream.ts'

export class ReceivingData {
  readonly #state: ConnectionState
  #window: number
  /** Bytes that came since the connection was last credited. */
  #uncredited = 0
  /** Of the frame that is being read: undefined, its data are dropped. */
  #stream: Stream | undefined = undefined
  #endsStream = false

  constructor(state: ConnectionState) {
    this.#state = state
    this.#window = Math.max(INITIAL_WINDOW_BYTES, state.limits.connectionWindowBytes)
  }

  /** With the preface: a connection's window cannot be set, only be added to. */
  openWindow(): void {
    if (this.#window > INITIAL_WINDOW_BYTES)
      writeWindowUpdate(this.#state.output, 0, this.#window - INITIAL_WINDOW_BYTES)
  }

  begin(flags: number, streamId: number, frameBytes: number, paddingBytes: number): boolean {
    const state = this.#state
    this.#stream = undefined
    if (streamId === 0) {
      state.fail(PROTOCOL_ERROR, 'DATA on stream 0')
      return false
    }
    if (!this.#takeWindow(frameBytes)) return false
    const dataBytes = frameBytes - paddingBytes
    this.#endsStream = (flags & END_STREAM) !== 0
    if (dataBytes > 0) {
      state.floods.emptyDataFrames = 0
      state.floods.usefulReceived()
    } else if (!this.#endsStream && ++state.floods.emptyDataFrames > state.limits.emptyDataFramesMax) {
      state.breach('emptyDataFramesMax', 'too many DATA frames without data')
      return false
    }
    const stream = state.streams.get(streamId)
    if (stream === undefined) return refuseLate(state, streamId, 'DATA')
    if (stream.peerEnded) return state.streamFault(streamId, STREAM_CLOSED, 'DATA behind END_STREAM')
    if (stream.receiveWindow < frameBytes) {
      state.stats.limits.streamWindowBytes++
      return state.streamFault(streamId, FLOW_CONTROL_ERROR, 'more DATA than the window of the stream allows')
    }
    const fault = this.#malformed(stream, dataBytes)
    if (fault !== '') {
      state.stats.malformed++
      return state.streamFault(streamId, PROTOCOL_ERROR, fault)
    }
    stream.receiveWindow -= frameBytes
    if (stream.contentLeft > 0) stream.contentLeft -= dataBytes
    stream.unconsumed += dataBytes
    state.unconsumedBytes += dataBytes
    this.#stream = stream
    if (paddingBytes > 0) this.#credit(stream, paddingBytes)
    return true
  }

  /** RFC 9113, 8.1.1. '' when nothing is wrong. */
  #malformed(stream: Stream, dataBytes: number): string {
    if (!stream.headCame) return 'DATA before the head of the answer'
    if (stream.bodiless && dataBytes > 0) return 'DATA in an answer that has no body'
    if (stream.contentLeft < 0) return ''
    if (dataBytes > stream.contentLeft) return 'more DATA than content-length says'
    return this.#endsStream && dataBytes < stream.contentLeft ? 'less DATA than content-length says' : ''
  }

  bytes(bytes: Buffer): boolean {
    const stream = this.#stream
    if (stream === undefined || stream.closed) return !this.#state.ended
    try {
      stream.user?.onData(bytes)
    } catch (error) {
      this.#state.bug(stream, error)
    }
    return !this.#state.ended
  }

  end(): boolean {
    const stream = this.#stream
    this.#stream = undefined
    if (stream !== undefined && !stream.closed && this.#endsStream) this.endOfStream(stream, null)
    return !this.#state.ended
  }

  /** The peer's direction is complete. Its user is told first: it may end ours from within. */
  endOfStream(stream: Stream, trailers: Fields | null): void {
    stream.peerEnded = true
    if (stream.endSent) this.#state.finish(stream)
    try {
      stream.user?.onEnd(trailers)
    } catch (error) {
      this.#state.bug(stream, error)
    }
  }

  // ---- windows

  #takeWindow(frameBytes: number): boolean {
    this.#window -= frameBytes
    this.#uncredited += frameBytes
    if (this.#window < 0) {
      this.#state.fail(
        FLOW_CONTROL_ERROR,
        'more DATA than the window of the connection allows',
        'connectionWindowBytes',
      )
      return false
    }
    this.creditConnection()
    return !this.#state.ended
  }

  /** Data of one stream shall not wait for another's user: credit comes at once, unless users together hold too much. */
  creditConnection(): void {
    const { limits, stats, unconsumedBytes, output, ended } = this.#state
    if (ended || this.#uncredited * 2 < Math.max(INITIAL_WINDOW_BYTES, limits.connectionWindowBytes)) return
    if (unconsumedBytes > limits.unconsumedBytesMax) {
      stats.limits.unconsumedBytesMax++
      return
    }
    this.#window += this.#uncredited
    writeWindowUpdate(output, 0, this.#uncredited)
    this.#uncredited = 0
    this.#state.wrote()
  }

  /** The user passed so many bytes on. */
  consumed(stream: Stream, bytes: number): void {
    if (stream.closed) return
    const taken = Math.min(bytes, stream.unconsumed)
    stream.unconsumed -= taken
    this.#state.unconsumedBytes -= taken
    this.#credit(stream, taken)
    this.creditConnection()
  }

  #credit(stream: Stream, bytes: number): void {
    if (stream.peerEnded) return
    stream.uncredited += bytes
    if (stream.uncredited * 2 < this.#state.receiveWindowInitial) return
    stream.receiveWindow += stream.uncredited
    writeWindowUpdate(this.#state.output, stream.id, stream.uncredited)
    stream.uncredited = 0
    this.#state.wrote()
  }
}
