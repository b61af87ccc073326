// Hot path: one exchange on its way through a cluster, over all its tries.
import type { Exchange, Fields, ResponseHead, UpstreamSide } from '../exchange.ts'
import { type Failure, failure } from '../failures.ts'
import { countedStatus, grpcStatusOf } from '../grpc.ts'
import { whyFailed } from './answer-verdict.ts'
import { brokenTry } from './broken-try.ts'
import type { Applicant, Breakage, Carrier, Coming } from './carrier.ts'
import type { Cluster } from './cluster.ts'
import type { Deadlines } from './deadlines.ts'
import { Delivery } from './delivery.ts'
import { passageOf, type RequestPassage } from './passage.ts'
import { carriesNoWebSocket, deadlinePassed, noEndpoint, tooManyWait, tryTimedOut } from './refusals.ts'
import { connectEstablished } from './response-head.ts'
import type { TryEnd } from './retry.ts'
import type { RetryingOwner } from './retrying.ts'
import { pickTry, type Try } from './try.ts'

export class UpstreamRequest implements UpstreamSide, Applicant, RetryingOwner {
  readonly method: string
  /** On the roster of its cluster. */
  place = -1
  readonly passage: RequestPassage
  readonly #exchange: Exchange
  readonly #cluster: Cluster
  /** As route/ decided; a try may go elsewhere when it is not pinned. */
  readonly #version: string
  readonly #delivery: Delivery
  readonly #deadlines: Deadlines
  /** undefined: none is under way. */
  #try: Try | undefined = undefined

  constructor(exchange: Exchange, cluster: Cluster) {
    this.#exchange = exchange
    this.#cluster = cluster
    this.#version = exchange.version
    this.method = exchange.request.method
    this.passage = passageOf(exchange)
    this.#delivery = new Delivery(exchange, cluster, this)
    this.#deadlines = this.#delivery.deadlines
  }

  /** The whole of it was given to what carries it. */
  get sent(): boolean {
    return this.#delivery.sent
  }

  /** Sets out. Ends by itself: with the upstream's answer, or with one of the proxy's own. */
  start(): void {
    const { context, active, budget } = this.#cluster
    this.#exchange.upstream = this
    active.add(this)
    budget.noteRequest(this.#exchange.startedMs)
    this.#setOut(context.clock.now())
  }

  // ---- a try

  #setOut(nowMs: number): void {
    const exchange = this.#exchange
    const picked = pickTry(this.#cluster, this.#version, exchange.pinned, this.#delivery.tried, nowMs)
    if (picked === undefined) {
      this.#refuse(noEndpoint(this.#cluster, exchange.pinned ? this.#version : ''), nowMs)
      return
    }
    this.#try = picked
    picked.begin(exchange)
    this.#deadlines.startTry(nowMs)
    this.#apply(picked, false, nowMs)
  }

  #apply(current: Try, fresh: boolean, nowMs: number): void {
    const grant = this.#cluster.pool.apply(this, current.endpoint, fresh, nowMs)
    if (grant === 'given' || grant === 'coming') return
    this.#putOff()
    if (grant === 'unfit') this.#refuse(carriesNoWebSocket(this.#cluster, current.endpoint), nowMs)
    else if (grant === 'overflow') this.#refuse(tooManyWait(this.#cluster), nowMs)
  }

  /** Nothing was tried: whoever waits chooses anew when its turn comes. */
  #putOff(): void {
    this.#delivery.coming = undefined
    this.#try?.putOff(this.#exchange)
    this.#try = undefined
  }

  onRetryDue(nowMs: number): void {
    this.#setOut(nowMs)
  }

  onTurn(): void {
    this.#putOff()
    this.#setOut(this.#cluster.context.clock.now())
  }

  onComing(coming: Coming): void {
    this.#delivery.coming = coming
  }

  onConnected(carrier: Carrier): void {
    if (this.method !== 'CONNECT') {
      this.#delivery.sendBy(carrier)
      return
    }
    this.#delivery.openTunnelBy(carrier)
    this.#beginTunnel()
    this.#exchange.respond(connectEstablished)
  }

  onWritable(): void {
    this.#delivery.resume()
  }

  // ---- the request's body (UpstreamSide)

  onData(chunk: Buffer): boolean {
    return this.#delivery.receive(chunk)
  }

  onEnd(trailers: Fields | null): void {
    if (this.#exchange.tunnelling) {
      if (this.#exchange.responseEnded) this.#tunnelOver()
      else this.#delivery.carrier?.endTunnel()
      return
    }
    this.#delivery.complete(trailers)
  }

  onAbort(): void {
    const nowMs = this.#cluster.context.clock.now()
    this.#cluster.stats.rqTxReset++
    // A connection on its way may serve somebody else; one that carries half a request may not.
    this.#delivery.takeBack(false)
    this.#end(0, failure('DC', 'the client left'), nowMs)
  }

  resumeResponse(): void {
    this.#delivery.carrier?.resume()
  }

  // ---- the answer

  onInterim(head: ResponseHead): void {
    this.#exchange.inform(head)
  }

  onHead(head: ResponseHead): boolean {
    const exchange = this.#exchange
    const nowMs = this.#cluster.context.clock.now()
    const { status } = head
    if (status === 101 && (exchange.request.upgrade === '' || !this.sent)) {
      this.#delivery.carrier?.abandon()
      this.onBroken('invalid', 'it switched protocols without being asked to')
      return false
    }
    const current = this.#try!
    const grpcStatus = exchange.grpc ? grpcStatusOf(head.fields) : -1
    current.grpcStatus = grpcStatus
    // How a call went that goes on is told by its end; a probe is not kept waiting for that.
    const isOpenCall = exchange.grpc && grpcStatus < 0 && status === 200 && head.hasBody
    if (!isOpenCall || current.isProbe) current.judge(whyFailed(status, grpcStatus), nowMs)
    const mayWantRetry = status >= 400 || grpcStatus > 0
    if (mayWantRetry && this.#delivery.retriesAnswer(current, head, nowMs)) {
      this.#delivery.letGo()
      this.#endTry(status, undefined, nowMs)
      return false
    }
    if (this.#delivery.wasRetried && countedStatus(status, grpcStatus) < 500) {
      exchange.rescued = true
      this.#cluster.stats.rqRetrySuccess++
    }
    // A stream of gRPC lasts as long as its caller wants, if that says nothing else.
    if (isOpenCall && !this.#deadlines.fixed) this.#deadlines.stop()
    else this.#deadlines.stopTry()
    if (status === 101) this.#beginTunnel()
    exchange.respond(head)
    return true
  }

  #beginTunnel(): void {
    this.#try?.judge('', this.#try.startedMs)
    this.#delivery.tunnel()
  }

  onAnswerData(bytes: Buffer): boolean {
    return this.#exchange.responseData(bytes)
  }

  onAnswered(trailers: Fields | null): void {
    const exchange = this.#exchange
    const nowMs = this.#cluster.context.clock.now()
    if (exchange.tunnelling) {
      exchange.responseEnd(nowMs, null)
      if (exchange.over) this.#tunnelOver()
      return
    }
    this.#delivery.letGo()
    if (exchange.grpc) {
      const current = this.#try!
      if (trailers !== null) current.grpcStatus = grpcStatusOf(trailers)
      current.judge(whyFailed(exchange.status, current.grpcStatus), nowMs)
    }
    this.#end(exchange.status, undefined, nowMs)
    exchange.responseEnd(nowMs, trailers)
  }

  #tunnelOver(): void {
    this.#delivery.carrier?.leaveTunnel()
    this.#end(this.#exchange.status, undefined, this.#cluster.context.clock.now())
  }

  // ---- what goes wrong

  onBroken(cause: Breakage, detail: string): void {
    const nowMs = this.#cluster.context.clock.now()
    const current = this.#try!
    if (this.#delivery.broke(cause) === 'again') {
      this.#apply(current, cause === 'stale', nowMs)
      return
    }
    if (cause === 'too-large') {
      const tooLarge = failure('DPE', detail, 431)
      this.#endTry(0, tooLarge, nowMs)
      this.#refuse(tooLarge, nowMs)
      return
    }
    const broken = brokenTry(cause, current.where, detail, this.#cluster.stats)
    this.#tryFailed(current, broken.end, broken.failure, nowMs)
  }

  #tryFailed(current: Try, end: TryEnd, cause: Failure, nowMs: number): void {
    const { responding, status } = this.#exchange
    current.judgeFailed(cause.reason, nowMs)
    this.#endTry(responding ? status : 0, cause, nowMs)
    if (!this.#delivery.retriesEnd(current, end, nowMs)) this.#refuse(cause, nowMs)
  }

  // ---- time

  /** Called every now and then. */
  sweep(nowMs: number): void {
    const passed = this.#deadlines.passed(nowMs, this.#delivery.isOwed)
    if (passed === 'whole') this.#deadlinePassed(nowMs)
    else if (passed === 'try' && this.#try !== undefined) this.#tryTimedOut(this.#try, nowMs)
  }

  #deadlinePassed(nowMs: number): void {
    const cause = deadlinePassed(this.#cluster, this.#try?.endpoint, this.#deadlines)
    this.#delivery.takeBack(true)
    this.#try?.judgeFailed(cause.reason, nowMs)
    this.#endTry(this.#exchange.status, cause, nowMs)
    this.#refuse(cause, nowMs)
  }

  #tryTimedOut(current: Try, nowMs: number): void {
    const cause = tryTimedOut(this.#cluster, current.endpoint, this.#deadlines)
    this.#delivery.takeBack(true)
    this.#tryFailed(current, 'per-try-timeout', cause, nowMs)
  }

  // ---- the end

  #endTry(status: number, cause: Failure | undefined, nowMs: number): void {
    const over = this.#try
    if (over === undefined) return
    const exchange = this.#exchange
    this.#try = undefined
    over.end(status)
    exchange.onAttempt?.(exchange, over.attempt(status, cause, nowMs - over.startedMs))
  }

  #end(status: number, cause: Failure | undefined, nowMs: number): void {
    this.#endTry(status, cause, nowMs)
    this.#leave()
  }

  #refuse(cause: Failure, nowMs: number): void {
    this.#leave()
    this.#cluster.context.refuse(this.#exchange, cause, nowMs)
  }

  #leave(): void {
    this.#delivery.over()
    this.#cluster.active.remove(this)
    this.#cluster.pool.withdraw(this)
  }
}
