// Hot path: one downstream HTTP/2 connection: its socket, its codec, its requests; all frames of a turn leave in one write.
import type { Socket } from 'node:net'
import { COPY_BYTES_MAX, type Flushable, flushAtEndOfTurn } from '../../cork.ts'
import { failure } from '../../failures.ts'
import { errorName, PROTOCOL_ERROR } from '../../http2/codes.ts'
import { Http2Connection } from '../../http2/connection.ts'
import type { RequestHead } from '../../http2/heads.ts'
import type { ByteSink } from '../../http2/output.ts'
import type { ConnectionFault, Http2Owner } from '../../http2/owner.ts'
import type { Stream } from '../../http2/stream.ts'
import type { Accepted, ListenerContext } from '../context.ts'
import { noteRejection } from '../refusals.ts'
import type { Peer } from '../request-head.ts'
import { StallWatch } from '../stall-watch.ts'
import { answerRejectedHttp2 } from './rejected.ts'
import { Http2Request, type RequestHost } from './request.ts'
import { refusalOfHttp2 } from './request-head.ts'

const CODEC_SWEEP_MS = 500

const OPEN = 0
/** The codec is done: what it wrote last is still to leave. */
const ENDING = 1
/** Our side is closed; the client's bytes are dropped for a while, because a reset would take our last words away from it. */
const LINGERING = 2
const CLOSED = 3

export class Http2DownstreamConnection implements Accepted, Http2Owner, ByteSink, Flushable, RequestHost {
  readonly context: ListenerContext
  readonly peer: Peer
  readonly peerAddress: string
  readonly codec: Http2Connection
  readonly watched = new Set<Http2Request>()
  readonly #socket: Socket
  readonly #isTls: boolean
  readonly #stall = new StallWatch()
  readonly #startedMs: number
  #state = OPEN
  #requests = 0
  #requestsSeen = 0
  #idleSinceMs: number
  #heardMs: number
  #codecSweptMs: number
  #lingerSinceMs = 0
  #droppedBytes = 0

  constructor(socket: Socket, peer: Peer, peerAddress: string, context: ListenerContext) {
    const nowMs = context.coarseNow
    this.context = context
    this.peer = peer
    this.peerAddress = peerAddress
    this.#socket = socket
    this.#isTls = 'encrypted' in socket
    this.#startedMs = nowMs
    this.#idleSinceMs = nowMs
    this.#heardMs = nowMs
    this.#codecSweptMs = nowMs
    this.codec = new Http2Connection('server', this, context.http2.options, nowMs)
    context.stats.cxHttp2Total++
    context.stats.cxHttp2Active++
    socket.on('data', chunk => this.#onChunk(chunk))
    socket.on('end', () => this.#onClientEnd())
    socket.on('drain', () => this.codec.drained(context.coarseNow))
    socket.on('error', () => {}) // 'close' follows and says all that matters
    socket.on('close', () => this.#onClose())
    this.codec.start()
  }

  /** Bytes that were read before it was clear what they are. */
  take(bytes: Buffer): void {
    this.#onChunk(bytes)
  }

  // ---- the client's bytes

  #onChunk(chunk: Buffer): void {
    if (this.#state !== OPEN) {
      this.#droppedBytes += chunk.length
      if (this.#droppedBytes > this.context.limits.discardBytesMax) this.#socket.destroy()
      return
    }
    this.#heardMs = this.context.coarseNow
    try {
      this.codec.feed(chunk, this.#heardMs)
    } catch (error) {
      // A bug in the codec: its state means nothing any more. Bugs of the stages end their streams alone (onBug).
      this.context.log.error({ err: error }, 'an HTTP/2 connection met a bug in the proxy and is closed')
      this.#socket.destroy()
    }
  }

  onRequest(stream: Stream, head: RequestHead, ended: boolean): void {
    const { context, peer } = this
    if (++this.#requests === context.limits.requestsPerConnectionMax) this.codec.drain()
    const refusal = peer.refusal ?? refusalOfHttp2(head, context)
    if (refusal !== undefined) {
      noteRejection(context, refusal, this.peerAddress)
      answerRejectedHttp2(context, this.codec, stream, head, refusal)
      if (peer.refusal !== undefined) this.codec.drain()
      return
    }
    const request = new Http2Request(this, stream)
    stream.user = request
    request.begin(head, ended)
  }

  onStreamFault(_streamId: number, code: number, reason: string): void {
    if (code === PROTOCOL_ERROR) noteRejection(this.context, failure('DPE', reason), this.peerAddress)
  }

  onBug(error: unknown): void {
    this.context.log.error({ err: error }, 'a request met a bug in the proxy; its stream is reset')
  }

  onSettings(): void {}
  onFree(): void {}
  onGoAway(): void {}
  onPong(): void {}

  // ---- the way out

  wantsFlush(): void {
    flushAtEndOfTurn(this)
  }

  flushTurn(): void {
    if (this.#state === CLOSED) return
    this.codec.flush(this)
    if (this.#state === ENDING) this.#linger()
  }

  /** From the codec. */
  write(bytes: Buffer): boolean {
    const socket = this.#socket
    if (!socket.writable) return true
    // TLS holds what it is given until it is encrypted: of a little, a copy, and the large chunk can be used again.
    const isCopied = this.#isTls && bytes.length <= COPY_BYTES_MAX
    socket.write(isCopied ? Buffer.from(bytes) : bytes)
    if (socket.writableNeedDrain) this.codec.congested()
    return isCopied || socket.writableLength === 0
  }

  // ---- the end

  onFailed({ code, reason, limit }: ConnectionFault): void {
    const { http2 } = this.context
    http2.say(limit || errorName(code), `HTTP/2 with ${this.peerAddress} ended with ${errorName(code)}: ${reason}`)
    this.#end()
  }

  onDrained(): void {
    this.#end()
  }

  #end(): void {
    if (this.#state !== OPEN) return
    this.#state = ENDING
    flushAtEndOfTurn(this)
  }

  #linger(): void {
    this.#state = LINGERING
    this.#lingerSinceMs = this.context.coarseNow
    this.#socket.end()
  }

  #onClientEnd(): void {
    // Without its window updates and acknowledgements nothing can be brought to an end: half a connection is none.
    if (this.#state === OPEN) this.codec.socketClosed('the client closed the connection before its answer was complete')
    this.#state = CLOSED
    this.#socket.end()
  }

  #onClose(): void {
    const { stats } = this.context
    this.codec.socketClosed('the connection to the client was closed before its answer was complete')
    this.#state = CLOSED
    stats.cxHttp2Active--
    this.context.closed(this)
  }

  // ---- time

  sweep(nowMs: number): void {
    const { limits, stats } = this.context
    if (this.#stall.lastsMs(this.#socket.writableLength, nowMs) > limits.stallTimeoutMs) {
      stats.cxStalled++
      this.#socket.destroy()
      return
    }
    if (this.#state === OPEN) this.#sweepOpen(nowMs)
    else if (
      this.#state !== ENDING &&
      nowMs - this.#lingerSinceMs > limits.lingerMs &&
      this.#socket.writableLength === 0
    )
      this.#socket.destroy()
  }

  #sweepOpen(nowMs: number): void {
    const { codec, context } = this
    for (const request of this.watched) request.sweep(nowMs)
    if (nowMs - this.#codecSweptMs >= CODEC_SWEEP_MS) {
      this.#codecSweptMs = nowMs
      codec.sweep(nowMs)
    }
    const { idleTimeoutMs, connectionAgeMaxMs, http2KeepaliveMs } = context.limits
    if (codec.streamsOpen > 0 || this.#requests !== this.#requestsSeen) {
      this.#requestsSeen = this.#requests
      this.#idleSinceMs = nowMs
      // Nothing but a question tells a client that is silent from one that is gone without a word.
      if (nowMs - this.#heardMs > http2KeepaliveMs) codec.ping()
    } else if (nowMs - this.#idleSinceMs > idleTimeoutMs && !codec.ending) {
      context.stats.cxIdleTimeout++
      codec.drain()
    }
    if (connectionAgeMaxMs > 0 && nowMs - this.#startedMs > connectionAgeMaxMs) codec.drain()
  }

  /** Takes no new streams, and ends with the last of those under way. */
  drain(): void {
    this.codec.drain()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
