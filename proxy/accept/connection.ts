// Hot path: one downstream HTTP/1.1 connection; requests in order, one exchange at a time.
import type { Socket } from 'node:net'
import { type Downstream, Exchange, type Fields, type ResponseHead } from '../exchange.ts'
import { type Failure, failure } from '../failures.ts'
import { BodyReader } from '../http1/body.ts'
import { requestFraming } from '../http1/framing.ts'
import type { InvalidMessage } from '../http1/invalid.ts'
import { requestHeadReader, type RequestHead as WireHead } from '../http1/request-head.ts'
import { AnswerWriter } from './answer-writer.ts'
import type { Accepted, ListenerContext } from './context.ts'
import { answerWith } from './proxy-answer.ts'
import { answerRejected, noteRejection, refusalOf } from './refusals.ts'
import { type Peer, requestHeadOf } from './request-head.ts'
import { StallWatch } from './stall-watch.ts'

/** Where the client's bytes go. */
const HEAD = 0
const BODY = 1
/** The request is complete, its answer is not: what comes now is pipelined, and waits. */
const ANSWERING = 2
/** The answer is complete, the request is not: the rest of its body is read and dropped. */
const DISCARDING = 3
const TUNNEL = 4
/** Our side is closed; the client's bytes are dropped until it closes, too. */
const LINGERING = 5
const CLOSED = 6

const NO_BYTES = Buffer.alloc(0)

export class DownstreamConnection implements Accepted, Downstream {
  readonly #context: ListenerContext
  readonly #socket: Socket
  readonly #peer: Peer
  readonly #peerAddress: string
  readonly #heads
  readonly #body = new BodyReader('request')
  readonly #writer: AnswerWriter
  #state = HEAD
  #exchange: Exchange | undefined = undefined
  #requests = 0
  /** What the client said of this request: it wants the connection kept. */
  #wantsKeep = true
  #sawContinue = false
  #clientEnded = false
  #stash: Buffer = NO_BYTES
  #consuming = false
  #paused = false
  #discarded = 0
  /** Coarse monotonic moments: the last progress in this state, and the begin of the head that is being read (0: none). */
  #sinceMs: number
  #headSinceMs = 0
  readonly #stall = new StallWatch()

  constructor(socket: Socket, peer: Peer, peerAddress: string, context: ListenerContext) {
    this.#context = context
    this.#socket = socket
    this.#peer = peer
    this.#peerAddress = peerAddress
    this.#heads = requestHeadReader(context.limits.head)
    this.#writer = new AnswerWriter(socket)
    this.#sinceMs = context.coarseNow
    socket.on('data', chunk => this.#onChunk(chunk))
    socket.on('end', () => this.#onClientEnd())
    socket.on('drain', () => this.#exchange?.upstream?.resumeResponse())
    socket.on('error', () => {}) // 'close' follows and says all that matters
    socket.on('close', () => this.#onClose())
  }

  /** Bytes that were read before it was clear what they are. */
  take(bytes: Buffer): void {
    if (bytes.length > 0) this.#onChunk(bytes)
  }

  // ---- the client's bytes

  #onChunk(chunk: Buffer): void {
    this.#sinceMs = this.#context.coarseNow
    try {
      if (this.#stash.length > 0) this.#keepForLater(chunk)
      else this.#consume(chunk, 0)
    } catch (error) {
      // A bug in some stage is to cost the client that met it, not everybody's proxy.
      this.#context.log.error({ err: error }, 'a request met a bug in the proxy; its connection is closed')
      this.#socket.destroy()
    }
  }

  #consume(chunk: Buffer, from: number): void {
    let at = from
    this.#consuming = true
    while (at < chunk.length) {
      if (this.#state === HEAD) at = this.#readHead(chunk, at)
      else if (this.#state === BODY || this.#state === DISCARDING) at = this.#readBody(chunk, at)
      else {
        if (this.#state === ANSWERING) this.#keepForLater(at === 0 ? chunk : chunk.subarray(at))
        else if (this.#state === TUNNEL) this.#passOn(at === 0 ? chunk : chunk.subarray(at))
        break
      }
    }
    this.#consuming = false
    if (this.#paused && this.#state === HEAD) this.#resume()
  }

  #readHead(chunk: Buffer, from: number): number {
    const head = this.#heads.feed(chunk, from)
    if (head.status === 'complete') {
      this.#begin(head)
      return this.#heads.end
    }
    if (head.status === 'invalid') this.#reject(failure('DPE', head.reason, head.httpStatus))
    else if (this.#headSinceMs === 0 && this.#heads.started) this.#headSinceMs = this.#context.coarseNow
    return chunk.length
  }

  #readBody(chunk: Buffer, from: number): number {
    const end = this.#body.read(chunk, from, this)
    if (typeof end === 'number') return end
    this.#brokenBody(end)
    return chunk.length
  }

  /** From the body reader: a piece of the request's body. */
  onData(bytes: Buffer): void {
    if (this.#state === BODY) this.#passOn(bytes)
    else if (this.#state === DISCARDING) {
      this.#discarded += bytes.length
      if (this.#discarded > this.#context.limits.discardBytesMax) this.#linger()
    }
  }

  /** From the body reader: the request is complete. */
  onEnd(trailers: Fields | null): void {
    if (this.#state === DISCARDING) this.#next()
    else if (this.#state === BODY) {
      this.#state = ANSWERING
      this.#exchange!.requestEnd(this.#context.clock.now(), trailers)
    }
  }

  #passOn(bytes: Buffer): void {
    const taken = this.#exchange?.requestData(bytes) ?? true
    if (!taken && this.#state < LINGERING) this.#pause()
  }

  #keepForLater(chunk: Buffer): void {
    this.#stash = this.#stash.length === 0 ? chunk : Buffer.concat([this.#stash, chunk])
    // While nothing is read the client's leaving is not noticed: so only when it sends a lot ahead.
    if (this.#stash.length > this.#context.limits.pipelinedBytesMax) this.#pause()
  }

  #pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#sinceMs = this.#context.coarseNow
    this.#socket.resume()
  }

  // ---- a request

  #begin(head: WireHead): void {
    const context = this.#context
    const peer = this.#peer
    this.#headSinceMs = 0
    this.#requests++
    this.#wantsKeep = head.keepAlive && this.#requests < context.limits.requestsPerConnectionMax
    this.#sawContinue = false
    this.#discarded = 0
    this.#writer.begin(head.method, head.minorVersion)
    const refusal = peer.refusal ?? refusalOf(head.method === 'CONNECT', head.underscoreNames, context)
    if (refusal !== undefined) {
      this.#reject(refusal)
      return
    }
    const request = requestHeadOf(head, peer)
    const startedMs = context.clock.now()
    const exchange = new Exchange(
      peer.direction,
      request,
      this,
      startedMs,
      context.clock.wall() * 1000,
      this.#peerAddress,
    )
    exchange.source = peer.client.source
    exchange.sourceId = peer.client.sourceId
    this.#exchange = exchange
    context.stats.rqTotal++
    if (peer.plain) context.stats.rqPlain++
    context.stats.rqActive++
    if (request.hasBody) {
      this.#state = BODY
      this.#body.begin(requestFraming(head) === 'chunked' ? 'chunked' : 'length', head.contentLength)
    } else this.#state = ANSWERING
    context.handler(exchange)
  }

  /** Answers a request that is none, and closes. Nothing was forwarded. */
  #reject(cause: Failure): void {
    noteRejection(this.#context, cause, this.#peerAddress)
    answerRejected(this.#context, cause, this.#writer)
    this.#linger()
  }

  /** The body broke HTTP, or did not come in time: nobody can say where the next request begins. */
  #brokenBody(fault: InvalidMessage): void {
    if (this.#state === DISCARDING) this.#linger()
    else this.#giveUpRequest(failure('DPE', fault.reason, fault.httpStatus))
  }

  #giveUpRequest(cause: Failure): void {
    const exchange = this.#exchange
    noteRejection(this.#context, cause, this.#peerAddress)
    this.#wantsKeep = false
    this.#body.abandon()
    exchange?.letUpstreamGo()
    if (exchange !== undefined) answerWith(exchange, cause, this.#context.clock.now())
  }

  // ---- the answer (Downstream)

  informational(head: ResponseHead): void {
    if (head.status === 100) this.#sawContinue = true
    this.#writer.informational(head)
  }

  head(head: ResponseHead): void {
    const exchange = this.#exchange!
    const tunnel = exchange.tunnelling
    this.#writer.head(head, this.#mayKeep(exchange), tunnel, exchange.answerFields)
    if (!tunnel) return
    this.#context.stats.tunnelsActive++
    this.#state = TUNNEL
    // A client may speak first, right behind its request.
    const early = this.#stash
    this.#stash = NO_BYTES
    this.#resume()
    if (early.length > 0) this.#passOn(early)
    if (this.#clientEnded) exchange.requestEnd(this.#context.clock.now(), null)
  }

  #mayKeep(exchange: Exchange): boolean {
    if (!this.#wantsKeep || this.#context.draining) return false
    if (this.#clientEnded && this.#stash.length === 0) return false
    // Refused before 100 Continue, a client may send its body or not: the next request's begin could not be told.
    return !(exchange.request.expectContinue && !this.#sawContinue && exchange.requestBytes === 0 && !this.#body.done)
  }

  data(chunk: Buffer): boolean {
    return this.#writer.data(chunk)
  }

  end(trailers: Fields | null): void {
    this.#writer.end(trailers)
    if (this.#state === TUNNEL) {
      this.#endSocket()
      if (this.#clientEnded) this.#finished()
      return
    }
    this.#finished()
    if (!this.#writer.keep) this.#linger()
    else if (this.#state === ANSWERING) this.#next()
    else this.#discardRest()
  }

  abort(): void {
    const rstNeeded = this.#writer.lastsUntilClose
    this.#writer.flush()
    this.#finished()
    this.#state = CLOSED
    // A mere FIN would make an answer without a length look whole. Behind a FIN that is on its way there is none to be had: libuv refuses
    // a reset then, and Node leaks the descriptor and spins at exit (TCPWrap::Reset takes the handle for closed).
    if (rstNeeded && !this.#socket.writableEnded) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  resumeRequest(): void {
    if (this.#stash.length <= this.#context.limits.pipelinedBytesMax) this.#resume()
  }

  // ---- between requests

  #finished(): void {
    if (this.#exchange === undefined) return
    this.#exchange = undefined
    this.#context.stats.rqActive--
    if (this.#state === TUNNEL) this.#context.stats.tunnelsActive--
  }

  #discardRest(): void {
    this.#state = DISCARDING
    this.#sinceMs = this.#context.coarseNow
    this.#resume()
  }

  #next(): void {
    this.#state = HEAD
    this.#sinceMs = this.#context.coarseNow
    if (this.#consuming) return
    if (this.#stash.length > 0) this.#readStash()
    const mayRead = this.#state === HEAD || this.#state === ANSWERING
    if (mayRead && this.#stash.length <= this.#context.limits.pipelinedBytesMax) this.#resume()
    if (this.#state !== HEAD) return
    if (this.#clientEnded || (this.#context.draining && !this.#heads.started)) this.#linger()
  }

  /** Requests that were pipelined behind the one just answered; what is left of them is stashed again. */
  #readStash(): void {
    const stash = this.#stash
    this.#stash = NO_BYTES
    this.#consume(stash, 0)
  }

  /** Closes our side; what the client still sends is dropped for a while, because a reset would take our answer away from it. */
  #linger(): void {
    if (this.#state >= LINGERING) return
    this.#state = LINGERING
    this.#sinceMs = this.#context.coarseNow
    this.#stash = NO_BYTES
    this.#body.abandon()
    this.#endSocket()
    if (this.#clientEnded) return
    this.#resume()
  }

  #endSocket(): void {
    this.#writer.flush()
    this.#socket.end()
  }

  #onClientEnd(): void {
    this.#clientEnded = true
    switch (this.#state) {
      case TUNNEL:
        this.#exchange?.requestEnd(this.#context.clock.now(), null)
        if (this.#exchange?.over === true) this.#finished()
        return
      case BODY: {
        this.#exchange?.downstreamGone(
          this.#context.clock.now(),
          failure('DC', 'the client left in the middle of its request'),
        )
        this.#finished()
        this.#socket.destroy()
        return
      }
      case ANSWERING:
        // Half-closed: it asked all it wanted and still waits for the answer.
        return
      default:
        this.#linger()
    }
  }

  #onClose(): void {
    const exchange = this.#exchange
    this.#body.abandon()
    if (exchange !== undefined) {
      exchange.downstreamGone(
        this.#context.clock.now(),
        failure('DC', 'the client closed the connection before its answer was complete'),
      )
      this.#finished()
    }
    this.#state = CLOSED
    this.#context.closed(this)
  }

  // ---- time

  /** Called every now and then with the coarse time. */
  sweep(nowMs: number): void {
    const { limits, stats } = this.#context
    if (this.#stall.lastsMs(this.#socket.writableLength, nowMs) > limits.stallTimeoutMs) {
      stats.cxStalled++
      this.#socket.destroy()
      return
    }
    const quietMs = nowMs - this.#sinceMs
    switch (this.#state) {
      case HEAD:
        if (this.#headSinceMs > 0) {
          if (nowMs - this.#headSinceMs > limits.headTimeoutMs)
            this.#reject(failure('DT', `the request head was not complete within ${limits.headTimeoutMs} ms`))
        } else if (quietMs > limits.idleTimeoutMs) {
          stats.cxIdleTimeout++
          this.#linger()
        }
        return
      case BODY:
        if (!this.#paused && quietMs > limits.bodyTimeoutMs)
          this.#giveUpRequest(failure('DT', `nothing came of the request's body for ${limits.bodyTimeoutMs} ms`))
        return
      case DISCARDING:
        if (quietMs > limits.bodyTimeoutMs) this.#linger()
        return
      case TUNNEL:
        this.#sweepTunnel(nowMs)
        return
      case LINGERING:
        if (quietMs > limits.lingerMs && this.#socket.writableLength === 0) this.#socket.destroy()
    }
  }

  #sweepTunnel(nowMs: number): void {
    const bytes = this.#exchange?.responseBytes ?? 0
    if (bytes !== this.#discarded) {
      this.#discarded = bytes
      this.#sinceMs = nowMs
    } else if (nowMs - this.#sinceMs > this.#context.limits.tunnelIdleTimeoutMs) this.#socket.destroy()
  }

  /** Closes now if nothing is asked; else after the answer that is under way. */
  drain(): void {
    if (this.#state === HEAD && this.#headSinceMs === 0 && !this.#consuming) this.#linger()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
