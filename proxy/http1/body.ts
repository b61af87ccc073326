// Hot path: every byte of every body passes here, as views of the chunk it came in.
import type { BodySink } from './body-sink.ts'
import { ChunkedReader } from './chunked.ts'
import type { BodyFraming } from './framing.ts'
import { type InvalidMessage, invalid, type Side } from './invalid.ts'

/**
 * Reads the bodies of one direction of one connection, one after the other. Nothing is allocated per message. Between
 * `begin` and `done` every byte of the connection goes through `read`.
 */
export class BodyReader {
  /** True when the body is over (or was abandoned): the next byte belongs to the next message. */
  done = true
  readonly #side: Side
  #framing: BodyFraming = 'none'
  #bytesLeft = 0
  #chunked: ChunkedReader | null = null

  constructor(side: Side) {
    this.#side = side
  }

  /** Starts a body. `contentLength` counts only with 'length'. `read` must follow, be it with no bytes. */
  begin(framing: Exclude<BodyFraming, 'tunnel'>, contentLength: number): void {
    this.done = false
    this.#framing = framing
    this.#bytesLeft = framing === 'length' ? contentLength : 0
    if (framing !== 'chunked') return
    this.#chunked ??= new ChunkedReader(this.#side)
    this.#chunked.reset()
  }

  /**
   * Reads `chunk` from offset `from` and returns the offset of the first byte that is not of this body: chunk.length, or
   * less when the message has ended (`done`) and pipelined bytes follow. An InvalidMessage means: close the connection.
   * A body without bytes ends at once, even when no byte is there to read.
   */
  read(chunk: Buffer, from: number, sink: BodySink): number | InvalidMessage {
    if (this.done) return from
    switch (this.#framing) {
      case 'length':
        return this.#readLength(chunk, from, sink)
      case 'chunked':
        return this.#readChunked(this.#chunked!, chunk, from, sink)
      case 'until-close':
        if (from < chunk.length) sink.onData(from === 0 ? chunk : chunk.subarray(from))
        return chunk.length
      default:
        this.done = true
        sink.onEnd(null)
        return from
    }
  }

  /** The peer has ended its sending side. Ends a body that lasts until then; any other is cut off, which is a fault. */
  close(sink: BodySink): InvalidMessage | null {
    if (this.done) return null
    if (this.#framing !== 'until-close') {
      return invalid(this.#side, 400, 'the connection was closed before the end of the body')
    }
    this.done = true
    sink.onEnd(null)
    return null
  }

  /** Stops reading, also from within a sink's call: no further call is made. The connection cannot be reused. */
  abandon(): void {
    this.done = true
    this.#chunked?.abandon()
  }

  #readLength(chunk: Buffer, from: number, sink: BodySink): number {
    const to = Math.min(from + this.#bytesLeft, chunk.length)
    this.#bytesLeft -= to - from
    if (to > from) sink.onData(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to))
    if (this.#bytesLeft === 0 && !this.done) {
      this.done = true
      sink.onEnd(null)
    }
    return to
  }

  #readChunked(reader: ChunkedReader, chunk: Buffer, from: number, sink: BodySink): number | InvalidMessage {
    const end = reader.read(chunk, from, sink)
    if (reader.done && !this.done) {
      this.done = true
      sink.onEnd(reader.trailers)
    }
    return end
  }
}
