// Hot path: header blocks become requests, answers and trailers (RFC 9113, 8.1).
import { COMPRESSION_ERROR, ENHANCE_YOUR_CALM, PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED } from './codes.ts'
import { HeadBuilder } from './head-builder.ts'
import type { RequestHead } from './heads.ts'
import { HpackDecoder, TABLE_TOO_LARGE } from './hpack/decoder.ts'
import { isIdle, refuseLate } from './late-frames.ts'
import type { ReceivingData } from './receiving-data.ts'
import type { ConnectionState } from './state.ts'
import { Stream } from './stream.ts'

/** A block becomes a head within one call, in which nothing else is read: shared by all connections. */
const builder = new HeadBuilder()

export class ReceivingHeads {
  readonly decoder: HpackDecoder
  readonly #state: ConnectionState
  readonly #data: ReceivingData
  readonly #extendedConnect: boolean

  constructor(state: ConnectionState, data: ReceivingData, extendedConnect: boolean) {
    this.#state = state
    this.#data = data
    this.#extendedConnect = extendedConnect
    this.decoder = new HpackDecoder(state.limits.headerTableBytesMax)
  }

  /** Whatever becomes of the stream, the block is decoded: the table is the connection's. */
  block(id: number, endStream: boolean, selfDependent: boolean, bytes: Buffer, from: number, to: number): boolean {
    const state = this.#state
    const stream = state.streams.get(id)
    const opens = stream === undefined && state.role === 'server' && state.isPeers(id) && isIdle(state, id)
    builder.begin(opens ? 'request' : stream === undefined || stream.headCame ? 'trailers' : 'response', state.limits)
    const broken = this.decoder.decode(bytes, from, to, builder)
    if (broken !== '') {
      if (broken === TABLE_TOO_LARGE) state.stats.limits.headerTableBytesMax++
      state.fail(COMPRESSION_ERROR, `a header block that cannot be decoded: ${broken}`)
      return false
    }
    state.floods.usefulReceived()
    if (builder.tooLarge !== '') state.stats.limits[builder.tooLarge]++
    if (opens) return this.#request(id, endStream, selfDependent)
    if (stream === undefined) return refuseLate(state, id, 'HEADERS')
    if (stream.peerEnded) return state.streamFault(id, STREAM_CLOSED, 'HEADERS behind END_STREAM')
    if (selfDependent) return this.#malformed(id, 'a stream that depends on itself')
    return stream.headCame ? this.#trailers(stream, endStream) : this.#answer(stream, endStream)
  }

  // ---- server

  #request(id: number, endStream: boolean, selfDependent: boolean): boolean {
    const state = this.#state
    state.lastPeerId = id
    if (state.peerStreams >= state.limits.concurrentStreamsMax) {
      state.stats.limits.concurrentStreamsMax++
      return state.streamFault(id, REFUSED_STREAM, `more than ${state.limits.concurrentStreamsMax} streams at once`)
    }
    const head = builder.request(this.#extendedConnect)
    if (selfDependent) return this.#malformed(id, 'a stream that depends on itself')
    if (builder.fault !== '' && !head.tooLarge) return this.#malformed(id, builder.fault)
    if (endStream && head.contentLength > 0) return this.#malformed(id, 'less DATA than content-length says')
    const stream = new Stream(id, undefined, state.receiveWindowInitial, state.peer.initialWindowBytes)
    stream.headCame = true
    stream.peerEnded = endStream
    stream.contentLeft = head.contentLength
    stream.tunnel = head.method === 'CONNECT'
    state.stats.streamsOpened++
    state.streams.add(stream)
    state.peerStreams++
    return this.#tellRequest(stream, head, endStream)
  }

  #tellRequest(stream: Stream, head: RequestHead, ended: boolean): boolean {
    try {
      this.#state.owner.onRequest(stream, head, ended)
    } catch (error) {
      this.#state.bug(stream, error)
    }
    // An answer that is complete, though it may wait for a window, needs nobody.
    if (stream.user === undefined && !stream.closed && !stream.ended)
      this.#state.bug(stream, new Error('onRequest left an open stream without a user'))
    return !this.#state.ended
  }

  // ---- client

  #answer(stream: Stream, endStream: boolean): boolean {
    if (builder.tooLarge !== '') return this.#tooLarge(stream, 'the head of the answer is')
    const head = builder.response()
    const { id } = stream
    if (builder.fault !== '') return this.#malformed(id, builder.fault)
    const isInformational = head.statusCode < 200
    if (isInformational && endStream) return this.#malformed(id, 'an informational answer with END_STREAM')
    if (isInformational && ++stream.informationals > this.#state.limits.informationalsMax) {
      this.#state.stats.limits.informationalsMax++
      return this.#state.streamFault(id, ENHANCE_YOUR_CALM, 'too many informational answers')
    }
    if (!isInformational) {
      stream.headCame = true
      if (head.statusCode === 204 || head.statusCode === 304) stream.bodiless = true
      if (!stream.bodiless) stream.contentLeft = head.contentLength
      if (endStream && stream.contentLeft > 0) return this.#malformed(id, 'less DATA than content-length says')
    }
    try {
      if (isInformational) stream.user?.onInformational(head)
      else stream.user?.onHead(head, endStream)
    } catch (error) {
      this.#state.bug(stream, error)
    }
    if (endStream && !stream.closed) this.#data.endOfStream(stream, null)
    return !this.#state.ended
  }

  // ---- both

  #trailers(stream: Stream, endStream: boolean): boolean {
    if (!endStream) return this.#malformed(stream.id, 'trailers without END_STREAM')
    if (builder.tooLarge !== '') return this.#tooLarge(stream, 'the trailers are')
    if (builder.fault !== '') return this.#malformed(stream.id, builder.fault)
    if (stream.contentLeft > 0) return this.#malformed(stream.id, 'less DATA than content-length says')
    this.#data.endOfStream(stream, builder.trailers())
    return !this.#state.ended
  }

  #tooLarge(stream: Stream, what: string): boolean {
    return this.#state.streamFault(stream.id, ENHANCE_YOUR_CALM, `${what} larger than we take`)
  }

  #malformed(id: number, reason: string): boolean {
    this.#state.stats.malformed++
    return this.#state.streamFault(id, PROTOCOL_ERROR, reason)
  }
}
