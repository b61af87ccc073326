// Hot path: one HTTP/2 connection (RFC 9113, 7541, 8441), either side of it. No IO, no clock, no randomness.
import type { Fields } from '../exchange.ts'
import { writeSettings, writeText } from './frame-writer.ts'
import type { RequestToSend } from './heads.ts'
import { Lifetime } from './lifetime.ts'
import { type Http2Limits, wholeLimits } from './limits.ts'
import type { ByteSink } from './output.ts'
import type { Http2Owner } from './owner.ts'
import { CLIENT_PREFACE } from './preface.ts'
import { Receiving } from './receiving.ts'
import { Sending } from './sending.ts'
import { ownSettings, type Role } from './settings.ts'
import { ConnectionState } from './state.ts'
import { emptyHttp2Stats, type Http2Stats } from './stats.ts'
import { Stream, type StreamUser } from './stream.ts'

export interface Http2Options {
  limits?: Partial<Http2Limits>
  /** Shared by as many connections as one likes. */
  stats?: Http2Stats
  /** Server only: an extended CONNECT (RFC 8441) is taken. */
  extendedConnect?: boolean
}

/** Stream ids end here: a client then needs a new connection. */
const ID_MAX = 2 ** 31 - 1

/**
 * Bytes in by `feed`, events out as calls of `owner` and of each stream's `user`; what is sent waits in the output until `flush`.
 *
 * The owner has the socket:
 *   start() once; feed(chunk, nowMs) for what was read; sweep(nowMs) every second or so;
 *   flush(sink) at the end of a turn in which wantsFlush was said; from within sink.write, `congested()` when the socket says so, and
 *   `drained()` when it says 'drain'; `socketClosed(reason)` when it is gone.
 * A server's user is given a stream by onRequest, and answers with informational*, head, data*, end, or reset.
 * A client's user is given one by `open`, and goes on with data*, end, or reset.
 * In the words of an exchange: abort and onAbort are `reset`; resumeRequest and resumeResponse are `consumed` with the bytes that were held
 * back; a sink that takes all at once says `consumed` from within onData.
 * Whatever is called on a stream that is closed does nothing: there is no need to ask before.
 */
export class Http2Connection {
  readonly #state: ConnectionState
  readonly #sending: Sending
  readonly #receiving: Receiving
  readonly #lifetime: Lifetime
  readonly #extendedConnect: boolean

  /** @param nowMs coarse monotonic time, as in all calls that take it */
  constructor(role: Role, owner: Http2Owner, options: Http2Options, nowMs: number) {
    const limits = wholeLimits(options.limits)
    this.#extendedConnect = role === 'server' && (options.extendedConnect ?? false)
    this.#state = new ConnectionState(role, limits, options.stats ?? emptyHttp2Stats(), owner, nowMs)
    this.#sending = new Sending(this.#state)
    this.#lifetime = new Lifetime(this.#state, nowMs)
    this.#receiving = new Receiving(this.#state, this.#sending, this.#extendedConnect, payload =>
      this.#lifetime.onPong(payload),
    )
  }

  // ---- what its owner calls

  /** Sends the preface: our SETTINGS, and before them what a client says first. */
  start(): void {
    const { role, limits, output } = this.#state
    if (role === 'client') writeText(output, CLIENT_PREFACE)
    writeSettings(output, ownSettings(role, limits, this.#extendedConnect))
    this.#receiving.data.openWindow()
    this.#state.wrote()
  }

  /** Bytes of the peer. Nothing of `chunk` is kept. */
  feed(chunk: Buffer, nowMs: number): void {
    if (this.#state.ended) return
    this.#state.nowMs = nowMs
    this.#receiving.feed(chunk)
    this.#receiving.data.creditConnection()
  }

  /** Gives all that waits to the sink. More may wait afterwards, and wantsFlush was said again then. */
  flush(sink: ByteSink): void {
    this.#state.flushed()
    this.#state.output.flush(sink)
    this.#sending.flushed()
    if (!this.#state.ended) this.#sending.pump()
  }

  /** The socket is full: bodies wait in their streams until `drained`. Heads and replies still come out, bounded. */
  congested(): void {
    this.#state.congested = true
  }

  drained(nowMs: number): void {
    this.#state.nowMs = nowMs
    this.#state.congested = false
    this.#state.drained()
    if (!this.#state.ended) this.#sending.pump()
  }

  /** Looks at all that has a time. Call it about once a second. */
  sweep(nowMs: number): void {
    const state = this.#state
    if (state.ended) return
    state.nowMs = nowMs
    this.#lifetime.sweep(this.#receiving)
    if (!state.ended) this.#sending.resetStalled()
    this.#receiving.data.creditConnection()
  }

  /** The socket is gone: all streams are told. */
  socketClosed(reason: string): void {
    if (this.#state.ended) return
    this.#state.over = true
    this.#state.breakStreams(0, reason)
  }

  /** No new streams: GOAWAY (a server says it twice, RFC 9113, 6.8), and onDrained when the last one has ended. */
  drain(): void {
    if (!this.#state.ended) this.#lifetime.drain()
  }

  /** Asks whether the peer still lives: onPong, or the connection fails after pingTimeoutMs. One at a time. */
  ping(): void {
    if (!this.#state.ended) this.#lifetime.ping()
  }

  /** Ends it at once with GOAWAY `code`. `reason` is seen by the peer. */
  fail(code: number, reason: string): void {
    this.#state.fail(code, reason)
  }

  /** Streams under way. */
  get streamsOpen(): number {
    return this.#state.streams.size
  }

  /** Client: how many more may be opened now. 0 also when it is ending. */
  get streamsFree(): number {
    const state = this.#state
    if (state.ended || state.opensNoMore || state.nextOwnId > ID_MAX) return 0
    return Math.max(0, state.peer.streamsMax - state.streams.size)
  }

  /** Client: the server takes an extended CONNECT. */
  get extendedConnect(): boolean {
    return this.#state.peer.extendedConnect
  }

  /** What the peer takes of a header list (list-size.ts). Nothing here holds it: who sends a head can say more of why it does not. */
  get headerListBytesMax(): number {
    return this.#state.peer.headerListBytesMax
  }

  /** It takes, or opens, no new streams. */
  get ending(): boolean {
    return this.#state.ended || this.#state.opensNoMore
  }

  get failed(): boolean {
    return this.#state.fault !== undefined
  }

  // ---- streams, from the client

  /**
   * Sends a request. `ended`: it has no body and no trailers.
   * @returns its stream; 'full': the server allows no more at once, wait for onFree; 'ending': it takes no more at all
   * Throws when a field was not checked when it was made; nothing was sent then.
   */
  open(head: RequestToSend, user: StreamUser, ended: boolean): Stream | 'full' | 'ending' {
    const state = this.#state
    if (state.ended || state.opensNoMore || state.nextOwnId > ID_MAX) return 'ending'
    if (state.streams.size >= state.peer.streamsMax) return 'full'
    const stream = new Stream(state.nextOwnId, user, state.receiveWindowInitial, state.peer.initialWindowBytes)
    this.#sending.request(stream, head, ended)
    state.nextOwnId += 2
    state.streams.add(stream)
    state.stats.streamsOpened++
    stream.bodiless = head.method === 'HEAD'
    stream.tunnel = head.method === 'CONNECT'
    stream.ended = ended
    stream.endSent = ended
    return stream
  }

  // ---- streams, from the server. Throw as `open` does.

  /** 100, 102 to 199. */
  informational(stream: Stream, statusCode: number, fields: Readonly<Fields>): void {
    if (!stream.closed && !stream.ended) this.#sending.response(stream, statusCode, fields, null, false)
  }

  /** The final head. `ended`: there is no body and there are no trailers. A CONNECT answered with 2xx is a tunnel from here on. */
  head(
    stream: Stream,
    statusCode: number,
    fields: Readonly<Fields>,
    neverIndexed: readonly string[] | null,
    ended: boolean,
  ): void {
    if (stream.closed || stream.ended) return
    this.#sending.response(stream, statusCode, fields, neverIndexed, ended)
    if (statusCode >= 300) stream.tunnel = false
    if (!ended) return
    stream.ended = true
    this.#sending.ownEnded(stream)
  }

  // ---- streams, from both

  /** False: congested, wait for onWritable. Nothing of `chunk` is kept. */
  data(stream: Stream, chunk: Buffer): boolean {
    return stream.closed || stream.ended ? true : this.#sending.data(stream, chunk)
  }

  /** Our direction is complete. A server that says it before the request is complete does not want the rest: NO_ERROR follows. */
  end(stream: Stream, trailers: Fields | null): void {
    if (!stream.closed && !stream.ended) this.#sending.end(stream, trailers)
  }

  /** Breaks the stream off; its user is told nothing more. CANCEL for what is no longer wanted, INTERNAL_ERROR for what cannot be completed. */
  reset(stream: Stream, code: number): void {
    this.#state.reset(stream, code)
    this.#receiving.data.creditConnection()
  }

  /** So many bytes of onData were passed on: the peer may send as many more. */
  consumed(stream: Stream, bytes: number): void {
    if (!this.#state.ended) this.#receiving.data.consumed(stream, bytes)
  }

  /** The work behind a `held` stream is over, too. */
  letGo(stream: Stream): void {
    if (!stream.held) return
    stream.held = false
    if (stream.closed) this.#state.peerStreams--
  }
}
