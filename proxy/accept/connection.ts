// Hot path: one downstream HTTP/1.1 connection; requests in order, one exchange at a time.
import type { Socket } from 'node:net'
import { type Downstream, Exchange, type Fields, type ResponseHead } from '../exchange.ts'
import { type Failure, failure } from '../failures.ts'
import type { InvalidMessage } from '../http1/invalid.ts'
import type { RequestHead as WireHead } from '../http1/request-head.ts'
import { AnswerWriter } from './answer-writer.ts'
import type { Accepted, ListenerContext } from './context.ts'
import { ANSWERING, BODY, CLOSED, DISCARDING, HEAD, Intake, type IntakeOwner, LINGERING, TUNNEL } from './intake.ts'
import { whatIsOverdue } from './overdue.ts'
import { answerWith } from './proxy-answer.ts'
import { answerRejected, noteRejection, refusalOf } from './refusals.ts'
import { type Peer, requestHeadOf } from './request-head.ts'
import { StallWatch } from './stall-watch.ts'

export class DownstreamConnection implements Accepted, Downstream, IntakeOwner {
  readonly #context: ListenerContext
  readonly #socket: Socket
  readonly #peer: Peer
  readonly #peerAddress: string
  readonly #intake: Intake
  readonly #writer: AnswerWriter
  #exchange: Exchange | undefined = undefined
  #requests = 0
  /** What the client said of this request: it wants the connection kept. */
  #wantsKeep = true
  #sawContinue = false
  #clientEnded = false
  /** Bytes that the far end of a tunnel had said when it was last looked at. */
  #tunnelBytes = 0
  readonly #stall = new StallWatch()

  constructor(socket: Socket, peer: Peer, peerAddress: string, context: ListenerContext) {
    this.#context = context
    this.#socket = socket
    this.#peer = peer
    this.#peerAddress = peerAddress
    this.#intake = new Intake(socket, context, this)
    this.#writer = new AnswerWriter(socket)
    socket.on('data', chunk => this.#intake.take(chunk))
    socket.on('end', () => this.#onClientEnd())
    socket.on('drain', () => this.#exchange?.upstream?.resumeResponse())
    socket.on('error', () => {}) // 'close' follows and says all that matters
    socket.on('close', () => this.#onClose())
  }

  /** Bytes that were read before it was clear what they are. */
  take(bytes: Buffer): void {
    if (bytes.length > 0) this.#intake.take(bytes)
  }

  // ---- a request (IntakeOwner)

  onRequest(head: WireHead): void {
    const context = this.#context
    const peer = this.#peer
    this.#requests++
    this.#wantsKeep = head.keepAlive && this.#requests < context.limits.requestsPerConnectionMax
    this.#sawContinue = false
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
    if (request.hasBody) this.#intake.expectBody(head)
    else this.#intake.expectAnswer()
    context.handler(exchange)
  }

  onBytes(bytes: Buffer): boolean {
    return this.#exchange?.requestData(bytes) ?? true
  }

  onBodyEnd(trailers: Fields | null): void {
    this.#exchange!.requestEnd(this.#context.clock.now(), trailers)
  }

  onInvalid({ reason, httpStatus }: InvalidMessage): void {
    const { state } = this.#intake
    if (state === DISCARDING) this.#linger()
    else if (state === HEAD) this.#reject(failure('DPE', reason, httpStatus))
    else this.#giveUpRequest(failure('DPE', reason, httpStatus))
  }

  onDiscarded(isComplete: boolean): void {
    if (isComplete) this.#next()
    else this.#linger()
  }

  /** Answers a request that is none, and closes. Nothing was forwarded. */
  #reject(cause: Failure): void {
    noteRejection(this.#context, cause, this.#peerAddress)
    answerRejected(this.#context, cause, this.#writer)
    this.#linger()
  }

  /** The body broke HTTP, or did not come in time. */
  #giveUpRequest(cause: Failure): void {
    const exchange = this.#exchange
    noteRejection(this.#context, cause, this.#peerAddress)
    this.#wantsKeep = false
    this.#intake.abandonBody()
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
    this.#intake.expectTunnel()
    if (this.#clientEnded) exchange.requestEnd(this.#context.clock.now(), null)
  }

  #mayKeep(exchange: Exchange): boolean {
    if (!this.#wantsKeep || this.#context.draining) return false
    if (this.#clientEnded && !this.#intake.hasMore) return false
    // Refused before 100 Continue, a client may send its body or not: the next request's begin could not be told.
    const { request, requestBytes } = exchange
    return !(request.expectContinue && !this.#sawContinue && requestBytes === 0 && this.#intake.hasBodyLeft)
  }

  data(chunk: Buffer): boolean {
    return this.#writer.data(chunk)
  }

  end(trailers: Fields | null): void {
    this.#writer.end(trailers)
    if (this.#intake.state === TUNNEL) {
      this.#endSocket()
      if (this.#clientEnded) this.#finished()
      return
    }
    this.#finished()
    if (!this.#writer.keep) this.#linger()
    else if (this.#intake.state === ANSWERING) this.#next()
    else this.#intake.expectRest()
  }

  abort(): void {
    const rstNeeded = this.#writer.lastsUntilClose
    this.#writer.flush()
    this.#finished()
    this.#intake.state = CLOSED
    // A mere FIN would make an answer without a length look whole. Behind a FIN that is on its way there is none to be had: libuv refuses
    // a reset then, and Node leaks the descriptor and spins at exit (TCPWrap::Reset takes the handle for closed).
    if (rstNeeded && !this.#socket.writableEnded) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  resumeRequest(): void {
    this.#intake.resume()
  }

  // ---- between requests

  #finished(): void {
    if (this.#exchange === undefined) return
    this.#exchange = undefined
    this.#context.stats.rqActive--
    if (this.#intake.state === TUNNEL) this.#context.stats.tunnelsActive--
  }

  #next(): void {
    if (!this.#intake.expectRequest()) return
    if (this.#clientEnded || (this.#context.draining && !this.#intake.hasBegun)) this.#linger()
  }

  /** Closes our side; what the client still sends is dropped for a while, because a reset would take our answer away from it. */
  #linger(): void {
    if (this.#intake.state >= LINGERING) return
    this.#intake.expectClose()
    this.#endSocket()
    if (!this.#clientEnded) this.#intake.resume()
  }

  #endSocket(): void {
    this.#writer.flush()
    this.#socket.end()
  }

  #onClientEnd(): void {
    this.#clientEnded = true
    switch (this.#intake.state) {
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
    this.#intake.abandonBody()
    if (exchange !== undefined) {
      exchange.downstreamGone(
        this.#context.clock.now(),
        failure('DC', 'the client closed the connection before its answer was complete'),
      )
      this.#finished()
    }
    this.#intake.state = CLOSED
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
    this.#noteTunnel(nowMs)
    switch (whatIsOverdue(this.#intake, limits, nowMs)) {
      case 'head':
        this.#reject(failure('DT', `the request head was not complete within ${limits.headTimeoutMs} ms`))
        return
      case 'idle':
        stats.cxIdleTimeout++
        this.#linger()
        return
      case 'body':
        this.#giveUpRequest(failure('DT', `nothing came of the request's body for ${limits.bodyTimeoutMs} ms`))
        return
      case 'rest':
        this.#linger()
        return
      case 'tunnel':
        this.#socket.destroy()
        return
      case 'close':
        if (this.#socket.writableLength === 0) this.#socket.destroy()
    }
  }

  /** A tunnel in which only the far end speaks is in use, too. */
  #noteTunnel(nowMs: number): void {
    if (this.#intake.state !== TUNNEL) return
    const bytes = this.#exchange?.responseBytes ?? 0
    if (bytes === this.#tunnelBytes) return
    this.#tunnelBytes = bytes
    this.#intake.sinceMs = nowMs
  }

  /** Closes now if nothing is asked; else after the answer that is under way. */
  drain(): void {
    if (this.#intake.isIdle) this.#linger()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
