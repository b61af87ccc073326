// Hot path: heads and bodies on their way out, within the windows of the stream and the connection (RFC 9113, 5.2).
import type { Fields } from '../exchange.ts'
import { CANCEL, END_STREAM, FRAME_BYTES_MAX, INITIAL_WINDOW_BYTES, NO_ERROR, WINDOW_MAX } from './codes.ts'
import { writeData, writeHeaders } from './frame-writer.ts'
import { encodeRequest, encodeResponse, encodeTrailers } from './head-encoding.ts'
import type { RequestToSend } from './heads.ts'
import type { ConnectionState } from './state.ts'
import type { Stream } from './stream.ts'

/** So much leaves in one turn; what is more waits for the next, lest a fast source fill the memory before the socket says stop. */
const TURN_BYTES = 256 * 1024
/** Up to here queued pieces are put together: a body that comes byte by byte would take a hundred times its size. */
const JOINED_BYTES_MAX = 2048
const NO_BYTES = Buffer.alloc(0)

export class Sending {
  #window = INITIAL_WINDOW_BYTES
  readonly #state: ConnectionState
  /** The last frame written, if it is of a stream that may end with it: END_STREAM is put into its flags then, and saves a frame. */
  #openStream: Stream | undefined = undefined
  #openBytes: Buffer | undefined = undefined
  #openFlagsAt = 0
  #openEnd = 0

  constructor(state: ConnectionState) {
    this.#state = state
  }

  /** The output was given away. */
  flushed(): void {
    this.#openStream = undefined
    this.#openBytes = undefined
  }

  // ---- heads. Both throw as head-encoding.ts does, and have sent nothing then.

  request(stream: Stream, head: RequestToSend, ended: boolean): void {
    encodeRequest(this.#state.encoder, head)
    this.#block(stream, ended)
  }

  response(
    stream: Stream,
    statusCode: number,
    fields: Readonly<Fields>,
    neverIndexed: readonly string[] | null,
    ended: boolean,
  ): void {
    encodeResponse(this.#state.encoder, statusCode, fields, neverIndexed)
    this.#block(stream, ended)
  }

  #block(stream: Stream, ended: boolean): void {
    const { output, encoder, floods } = this.#state
    writeHeaders(output, stream.id, encoder.block, encoder.blockBytes, FRAME_BYTES_MAX, ended)
    floods.pings.earn(1)
    this.#state.wroteHead(encoder.blockBytes)
    // Of a block in several frames the flag is not in the last: END_STREAM then takes an empty frame.
    if (encoder.blockBytes <= FRAME_BYTES_MAX) this.#leaveOpen(stream, encoder.blockBytes)
  }

  // ---- bodies

  /** False: congested; onWritable is called later. What cannot be sent at once is copied. */
  data(stream: Stream, chunk: Buffer): boolean {
    let sent = 0
    if (stream.queuedBytes === 0) {
      while (sent < chunk.length) {
        const bytes = this.#sendable(stream, chunk.length - sent)
        if (bytes <= 0) break
        this.#send(stream, chunk, sent, sent + bytes)
        sent += bytes
      }
    }
    if (sent < chunk.length) this.#enqueue(stream, chunk, sent)
    if (stream.queuedBytes <= this.#state.limits.streamQueueBytes) return true
    stream.congested = true
    this.#state.stats.limits.streamQueueBytes++
    return false
  }

  /** Our direction ends, behind what is queued. */
  end(stream: Stream, trailers: Fields | null): void {
    stream.ended = true
    stream.trailers = trailers !== null && trailers.length > 0 ? trailers : null
    if (stream.queuedBytes === 0) this.#sendEnd(stream)
  }

  /** An empty END_STREAM needs no window, and passes though the socket is congested. */
  #sendEnd(stream: Stream): void {
    const { output } = this.#state
    if (stream.trailers !== null) {
      encodeTrailers(this.#state.encoder, stream.trailers)
      this.#block(stream, true)
    } else if (stream === this.#openStream && output.bytes === this.#openBytes && output.at === this.#openEnd)
      output.bytes[this.#openFlagsAt]! |= END_STREAM
    else writeData(output, stream.id, NO_BYTES, 0, 0, true)
    this.#state.wrote()
    this.ownEnded(stream)
  }

  /** END_STREAM is in the output. */
  ownEnded(stream: Stream): void {
    const state = this.#state
    this.#openStream = undefined
    stream.endSent = true
    if (stream.peerEnded) state.finish(stream)
    else if (state.role === 'server' && !stream.tunnel) {
      // Answered before the request was complete: the rest is not wanted (RFC 9113, 8.1).
      state.floods.streamFinished()
      state.reset(stream, NO_ERROR)
    }
  }

  // ---- queues

  #enqueue(stream: Stream, chunk: Buffer, from: number): void {
    const state = this.#state
    const rest = chunk.subarray(from)
    const { queue } = stream
    if (queue === undefined || stream.queuedBytes === 0) {
      stream.queue = [Buffer.from(rest)]
      stream.sentOfFirst = 0
      stream.movedMs = state.nowMs
      state.queued.add(stream)
    } else {
      const last = queue[queue.length - 1]!
      if (last.length + rest.length > JOINED_BYTES_MAX) queue.push(Buffer.from(rest))
      else queue[queue.length - 1] = Buffer.concat([last, rest])
    }
    stream.queuedBytes += rest.length
    state.queuedBytes += rest.length
    state.checkUnsent()
  }

  /** Sends from the queues what windows and socket take, a frame of each stream in turn. */
  pump(): void {
    const { queued } = this.#state
    if (queued.size === 0) return
    // A stream that sent and has more is put behind the others, where this walk meets it again.
    for (const stream of queued) {
      if (!this.#pumpOne(stream)) continue
      if (stream.queuedBytes === 0) {
        queued.delete(stream)
        stream.queue = undefined
        if (stream.ended) this.#endGuarded(stream)
      } else {
        queued.delete(stream)
        queued.add(stream)
      }
      this.#tellWritable(stream)
      if (this.#state.ended) return
    }
  }

  /** Whether a frame was sent. */
  #pumpOne(stream: Stream): boolean {
    const first = stream.queue![0]!
    const left = first.length - stream.sentOfFirst
    const bytes = this.#sendable(stream, left)
    if (bytes <= 0) return false
    stream.queuedBytes -= bytes
    this.#state.queuedBytes -= bytes
    stream.movedMs = this.#state.nowMs
    this.#send(stream, first, stream.sentOfFirst, stream.sentOfFirst + bytes)
    if (bytes < left) stream.sentOfFirst += bytes
    else {
      stream.queue!.shift()
      stream.sentOfFirst = 0
    }
    return true
  }

  /** Nobody who made the trailers is on the stack: a fault of theirs is met here. */
  #endGuarded(stream: Stream): void {
    try {
      this.#sendEnd(stream)
    } catch (error) {
      this.#state.bug(stream, error)
    }
  }

  #tellWritable(stream: Stream): void {
    if (!stream.congested || stream.closed || stream.queuedBytes > this.#state.limits.streamQueueBytes / 2) return
    stream.congested = false
    try {
      stream.user?.onWritable()
    } catch (error) {
      this.#state.bug(stream, error)
    }
  }

  // ---- windows

  #sendable(stream: Stream, bytes: number): number {
    if (this.#state.congested) return 0
    const room = TURN_BYTES - this.#state.output.length
    return Math.min(bytes, stream.sendWindow, this.#window, FRAME_BYTES_MAX, room)
  }

  #send(stream: Stream, chunk: Buffer, from: number, to: number): void {
    stream.sendWindow -= to - from
    this.#window -= to - from
    writeData(this.#state.output, stream.id, chunk, from, to, false)
    this.#leaveOpen(stream, to - from)
    this.#state.floods.dataSent(to - from, stream.sendWindow === 0 || this.#window === 0)
    this.#state.wrote()
  }

  /** The frame just written has so many bytes of payload; its flags stand five bytes before that. */
  #leaveOpen(stream: Stream, payloadBytes: number): void {
    const { output } = this.#state
    this.#openStream = stream
    this.#openBytes = output.bytes
    this.#openEnd = output.at
    this.#openFlagsAt = output.at - payloadBytes - 5
  }

  /** @returns false when the window grows beyond what is allowed (RFC 9113, 6.9.1) */
  grow(stream: Stream | undefined, bytes: number): boolean {
    if (stream === undefined) this.#window += bytes
    else stream.sendWindow += bytes
    return (stream === undefined ? this.#window : stream.sendWindow) <= WINDOW_MAX
  }

  /** The peer's initial window changed by so much; windows may fall below 0 (6.9.2). @returns false as `grow` does */
  shiftWindows(bytes: number): boolean {
    for (const stream of this.#state.streams.all()) {
      stream.sendWindow += bytes
      if (stream.sendWindow > WINDOW_MAX) return false
    }
    return true
  }

  /** Streams of whose queue nothing moved for too long are given up: zero-window readers. */
  resetStalled(): void {
    const state = this.#state
    if (state.queued.size === 0) return
    for (const stream of [...state.queued]) {
      if (state.nowMs - stream.movedMs <= state.limits.stalledStreamMs) continue
      state.stats.limits.stalledStreamMs++
      state.reset(stream, CANCEL)
      const reason = `the peer took nothing of what waits for it for ${state.limits.stalledStreamMs} ms`
      state.tellBroken(stream, { code: CANCEL, by: 'us', unprocessed: false, reason })
      if (state.ended) return
    }
  }
}
