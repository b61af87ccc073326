// Hot path: one exchange on its way through a cluster, over all its tries.
import type { Retries } from '../../protocol/snapshot.ts'
import { type Exchange, type Fields, fieldOf, type ResponseHead, type UpstreamSide } from '../exchange.ts'
import { type Failure, failure } from '../failures.ts'
import { countedStatus, grpcStatusOf } from '../grpc.ts'
import { whyFailed } from './answer-verdict.ts'
import { brokenTry } from './broken-try.ts'
import type { Applicant, Breakage, Carrier, Coming } from './carrier.ts'
import type { Cluster } from './cluster.ts'
import { Deadlines } from './deadlines.ts'
import type { Endpoint } from './endpoint.ts'
import { asksForWebSocket } from './http2-heads.ts'
import { RequestBody } from './request-body.ts'
import { takeCallersTimeouts, tellGrpcTimeout } from './request-head.ts'
import { connectEstablished } from './response-head.ts'
import {
  isIdempotent,
  retryAfterMs,
  type TryEnd,
  wantsRetryOfEnd,
  wantsRetryOfGrpc,
  wantsRetryOfStatus,
} from './retry.ts'
import { decideRetry } from './retry-decision.ts'

const NONE: readonly Endpoint[] = []
/** Idle connections that may turn out to be closed before it is the endpoint's fault. */
const STALE_MAX = 3
/** Without a deadline, the longest Retry-After that is waited for. */
const RETRY_AFTER_MAX_MS = 10_000

export class UpstreamRequest implements UpstreamSide, Applicant {
  readonly method: string
  /** On the roster of its cluster. */
  place = -1
  readonly passage: Applicant['passage']
  /** The whole request was given to the carrier. */
  sent = false
  readonly #exchange: Exchange
  readonly #cluster: Cluster
  readonly #retries: Retries
  /** As route/ decided; a try may go elsewhere when it is not pinned. */
  readonly #version: string
  /** A call of gRPC whose retry conditions name a gRPC status: that is the word that it may be sent twice. */
  readonly #repeatsCalls: boolean
  readonly #hasGrpcTimeout: boolean
  readonly #body: RequestBody
  readonly #deadlines: Deadlines
  #carrier: Carrier | undefined = undefined
  /** The connection that is being made for this try. */
  #coming: Coming | undefined = undefined
  #endpoint: Endpoint | undefined = undefined
  #tried: readonly Endpoint[] = NONE
  #lastTried: Endpoint | undefined = undefined
  #probe = false
  #judged = false
  /** Of the try under way, as far as it is known. */
  #grpcStatus = -1
  /** Tries of which an endpoint may have seen a byte, and done something with it. */
  #processed = 0
  #stale = 0
  /** An endpoint did nothing with it, and it was sent again at once. */
  #refused = false
  #retryNumber = 0
  #retryCounted = false
  #cancelBackoff: (() => void) | undefined = undefined
  /** When the try under way began. */
  #startedMs: number

  constructor(exchange: Exchange, cluster: Cluster) {
    const { request } = exchange
    const askedTryTimeoutMs = takeCallersTimeouts(exchange)
    this.#exchange = exchange
    this.#cluster = cluster
    this.#retries = exchange.routeRetries ?? cluster.upstream.retries
    this.#version = exchange.version
    this.method = request.method
    this.passage = passageOf(exchange)
    this.#body = new RequestBody(request.hasBody)
    this.#startedMs = exchange.startedMs
    this.#repeatsCalls = exchange.grpc && wantsRetryOfGrpc(this.#retries, -1)
    // A call of gRPC that will not be tried again may be a stream that begins when it begins: only its deadline holds for it.
    const triesOnce = exchange.grpc && !this.#repeatsCalls
    const tryTimeoutMs = askedTryTimeoutMs >= 0 ? askedTryTimeoutMs : triesOnce ? 0 : this.#retries.perTryTimeoutMs
    this.#hasGrpcTimeout = exchange.grpc && fieldOf(request.fields, 'grpc-timeout') !== undefined
    this.#deadlines = new Deadlines(exchange.startedMs, exchange.deadlineMs, tryTimeoutMs, this.#hasGrpcTimeout)
  }

  /** Sets out. Ends by itself: with the upstream's answer, or with one of the proxy's own. */
  start(): void {
    const { clock } = this.#cluster.context
    this.#exchange.upstream = this
    this.#cluster.active.add(this)
    this.#cluster.budget.noteRequest(this.#startedMs)
    this.#try(clock.now())
  }

  // ---- a try

  #try(nowMs: number): void {
    const { membership, context, stats } = this.#cluster
    const exchange = this.#exchange
    const endpoint = membership.pick(this.#version, exchange.pinned, this.#tried, nowMs, context.random)
    if (endpoint === undefined) {
      stats.rqNoHealthyUpstream++
      this.#refuse(failure('UH', this.#cluster.whyNoEndpoint(exchange.pinned ? this.#version : '')), nowMs)
      return
    }
    this.#endpoint = endpoint
    this.#probe = membership.pickedProbe
    this.#judged = false
    this.#grpcStatus = -1
    this.#startedMs = nowMs
    this.#deadlines.startTry(nowMs)
    exchange.endpointId = endpoint.id
    exchange.endpointAddress = endpoint.address
    exchange.version = endpoint.version
    exchange.attempts++
    this.#cluster.beginTry(endpoint)
    this.#apply(endpoint, false, nowMs)
  }

  #apply(endpoint: Endpoint, fresh: boolean, nowMs: number): void {
    const grant = this.#cluster.pool.apply(this, endpoint, fresh, nowMs)
    if (grant === 'given' || grant === 'coming') return
    this.#putOff(endpoint)
    if (grant === 'waiting') return
    if (grant === 'unfit') {
      this.#refuse(failure('UPE', this.#whyUnfit(endpoint)), nowMs)
      return
    }
    const { limits } = this.#cluster.upstream
    this.#cluster.stats.rqPendingOverflow++
    const said = `all connections to ${this.#cluster.name} are in use (limit maxConnections ${limits.maxConnections}), or all streams of HTTP/2, and ${limits.maxPending} requests wait (limit maxPending)`
    this.#refuse(failure('UO', said), nowMs)
  }

  /** Nothing was tried: whoever waits chooses anew when its turn comes. */
  #putOff(endpoint: Endpoint): void {
    this.#coming = undefined
    this.#exchange.attempts--
    this.#cluster.stats.rqTotal--
    endpoint.stats.rqTotal--
    this.#letGoOfEndpoint()
  }

  onTurn(): void {
    if (this.#endpoint !== undefined) this.#putOff(this.#endpoint)
    this.#try(this.#cluster.context.clock.now())
  }

  onComing(coming: Coming): void {
    this.#coming = coming
  }

  onConnected(carrier: Carrier): void {
    this.#coming = undefined
    this.#carrier = carrier
    this.#processed++
    const exchange = this.#exchange
    if (this.method === 'CONNECT') {
      carrier.head(exchange, false)
      this.#beginTunnel()
      exchange.respond(connectEstablished)
      return
    }
    this.sent = exchange.requestEnded
    if (this.#hasGrpcTimeout)
      tellGrpcTimeout(exchange.request.fields, this.#deadlines.leftMs(this.#cluster.context.clock.now(), 0))
    carrier.head(exchange, !exchange.request.hasBody)
    // It may be more than the endpoint takes, and is refused then.
    if (this.#carrier !== carrier) return
    this.#body.sendTo(carrier, this.sent)
    // What may never be sent again need not be kept.
    if (!carrier.mayRefuse && !this.#maySendTwice) this.#body.forget()
    if (!this.sent) this.#resumeRequest()
  }

  #letGoOfEndpoint(): void {
    const endpoint = this.#endpoint
    if (endpoint === undefined) return
    this.#endpoint = undefined
    this.#cluster.endTry(endpoint)
    if (this.#probe && !this.#judged) this.#cluster.releaseProbe(endpoint)
  }

  // ---- the request's body (UpstreamSide)

  onData(chunk: Buffer): boolean {
    this.#deadlines.push(this.#cluster.context.clock.now())
    return this.#body.take(chunk, this.#carrier)
  }

  onEnd(trailers: Fields | null): void {
    const carrier = this.#carrier
    if (this.#exchange.tunnelling) {
      if (this.#exchange.responseEnded) this.#tunnelOver()
      else carrier?.endTunnel()
      return
    }
    this.#deadlines.push(this.#cluster.context.clock.now())
    this.#body.end(trailers, carrier)
    this.sent = carrier !== undefined
  }

  onAbort(): void {
    const nowMs = this.#cluster.context.clock.now()
    this.#cluster.stats.rqTxReset++
    // A connection on its way may serve somebody else; one that carries half a request may not.
    this.#coming?.leave(this, false)
    this.#coming = undefined
    this.#carrier?.abandon()
    this.#endTry(0, failure('DC', 'the client left'), nowMs)
    this.#leave()
  }

  resumeResponse(): void {
    this.#carrier?.resume()
  }

  onWritable(): void {
    this.#resumeRequest()
  }

  #resumeRequest(): void {
    if (!this.#body.paused) return
    this.#body.paused = false
    this.#exchange.resumeRequest()
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
      this.#carrier?.abandon()
      this.#broke('invalid', 'it switched protocols without being asked to', nowMs)
      return false
    }
    const grpcStatus = exchange.grpc ? grpcStatusOf(head.fields) : -1
    this.#grpcStatus = grpcStatus
    // How a call went that goes on is told by its end; a probe is not kept waiting for that.
    const isOpenCall = exchange.grpc && grpcStatus < 0 && status === 200 && head.hasBody
    if (!isOpenCall || this.#probe) this.#judge(whyFailed(status, grpcStatus), nowMs)
    if ((status >= 400 || grpcStatus > 0) && this.#retriedAnswer(head, grpcStatus, nowMs)) return false
    if (this.#retryNumber > 0 && countedStatus(status, grpcStatus) < 500) {
      exchange.rescued = true
      this.#cluster.stats.rqRetrySuccess++
    }
    // A stream of gRPC lasts as long as its caller wants, if that says nothing else.
    if (isOpenCall && !this.#hasGrpcTimeout) this.#deadlines.stop()
    else this.#deadlines.stopTry()
    if (status === 101) this.#beginTunnel()
    exchange.respond(head)
    return true
  }

  #beginTunnel(): void {
    this.#judge('', this.#startedMs)
    this.sent = true
    this.#deadlines.stop()
    this.#body.forget()
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
    this.#carrier = undefined
    if (exchange.grpc) {
      if (trailers !== null) this.#grpcStatus = grpcStatusOf(trailers)
      this.#judge(whyFailed(exchange.status, this.#grpcStatus), nowMs)
    }
    this.#endTry(exchange.status, undefined, nowMs)
    this.#leave()
    exchange.responseEnd(nowMs, trailers)
  }

  #tunnelOver(): void {
    this.#carrier?.leaveTunnel()
    this.#endTry(this.#exchange.status, undefined, this.#cluster.context.clock.now())
    this.#leave()
  }

  onBroken(cause: Breakage, detail: string): void {
    this.#broke(cause, detail, this.#cluster.context.clock.now())
  }

  // ---- what goes wrong

  #broke(cause: Breakage, detail: string, nowMs: number): void {
    const { stats } = this.#cluster
    const endpoint = this.#endpoint!
    this.#carrier = undefined
    this.#coming = undefined
    if (cause === 'stale' && this.#repeatable() && this.#stale < STALE_MAX) {
      this.#stale++
      this.sent = false
      this.#apply(endpoint, true, nowMs)
      return
    }
    if (cause === 'refused') {
      this.#processed--
      this.sent = false
      if (!this.#refused && this.#repeatable()) {
        this.#refused = true
        stats.rqRefused++
        this.#apply(endpoint, false, nowMs)
        return
      }
    }
    if (cause === 'too-large') {
      this.#processed--
      const tooLarge = failure('DPE', detail, 431)
      this.#endTry(0, tooLarge, nowMs)
      this.#refuse(tooLarge, nowMs)
      return
    }
    const at = `${this.#cluster.name} ${endpoint.version} at ${endpoint.address}`
    const broken = brokenTry(cause, at, detail, stats)
    this.#tryFailed(broken.end, broken.failure, nowMs)
  }

  #tryFailed(end: TryEnd, cause: Failure, nowMs: number): void {
    this.#judged = false
    this.#judge(cause.reason, nowMs)
    this.#endTry(this.#exchange.responding ? this.#exchange.status : 0, cause, nowMs)
    const wants = !this.#exchange.responding && wantsRetryOfEnd(this.#retries, end)
    if (!wants || !this.#mayRetry(0, nowMs)) this.#refuse(cause, nowMs)
  }

  #retriedAnswer(head: ResponseHead, grpcStatus: number, nowMs: number): boolean {
    const isCallsStatus = grpcStatus > 0 && wantsRetryOfGrpc(this.#retries, grpcStatus)
    if (!isCallsStatus && !wantsRetryOfStatus(this.#retries, head.status)) return false
    const waitMs = retryAfterMs(fieldOf(head.fields, 'retry-after'), this.#cluster.context.clock.wall())
    if (!this.#mayRetry(waitMs, nowMs)) return false
    this.#carrier = undefined
    this.#endTry(head.status, undefined, nowMs)
    return true
  }

  /** Schedules a retry if one is to be had; else notes why not. */
  #mayRetry(leastWaitMs: number, nowMs: number): boolean {
    const { stats, upstream, budget, context, retriesActive } = this.#cluster
    if (this.#retries.attempts === 0 || !this.#repeatable()) return false
    const decision = decideRetry({
      retries: this.#retries,
      had: this.#retryNumber,
      othersUnderWay: retriesActive - (this.#retryCounted ? 1 : 0),
      maxRetries: upstream.limits.maxRetries,
      budget,
      leastWaitMs,
      leftMs: this.#deadlines.leftMs(nowMs, RETRY_AFTER_MAX_MS),
      nowMs,
      random: context.random(),
    })
    if (decision.status === 'retry') this.#scheduleRetry(decision.waitMs)
    else if (decision.status === 'limit') stats.rqRetryLimitExceeded++
    else if (decision.status === 'overflow') stats.rqRetryOverflow++
    this.#exchange.retriesSpent = decision.status === 'limit' || decision.status === 'overflow'
    return decision.status === 'retry'
  }

  #scheduleRetry(waitMs: number): void {
    const { context, stats } = this.#cluster
    stats.rqRetry++
    this.#retryNumber++
    if (!this.#retryCounted) this.#cluster.retriesActive++
    this.#retryCounted = true
    this.#cancelBackoff = context.clock.after(waitMs, () => {
      this.#cancelBackoff = undefined
      if (this.#lastTried !== undefined) this.#tried = [...this.#tried, this.#lastTried]
      this.#try(context.clock.now())
    })
  }

  get #maySendTwice(): boolean {
    return this.#repeatsCalls || isIdempotent(this.method)
  }

  /** Not one byte reached an endpoint, or it may be sent twice and is still all here. */
  #repeatable(): boolean {
    if (this.#exchange.responding || this.#exchange.tunnelling) return false
    return !this.#body.unrepeatable && (this.#processed === 0 || this.#maySendTwice)
  }

  #judge(why: string, nowMs: number): void {
    const endpoint = this.#endpoint
    if (endpoint === undefined || this.#judged) return
    this.#judged = true
    this.#cluster.judge(endpoint, why, this.#probe, nowMs)
  }

  // ---- time

  /** Called every now and then. */
  sweep(nowMs: number): void {
    // As long as the client owes us bytes that we would take, nobody else is late.
    const clientOwes = !this.#exchange.requestEnded && !this.#body.paused
    if (clientOwes && !this.#deadlines.fixed) return
    const passed = this.#deadlines.passed(nowMs)
    if (passed === 'whole') this.#deadlinePassed(nowMs)
    else if (passed === 'try' && this.#endpoint !== undefined && !clientOwes) this.#tryTimedOut(nowMs)
  }

  #deadlinePassed(nowMs: number): void {
    const { stats, name } = this.#cluster
    stats.rqTimeout++
    const endpoint = this.#endpoint
    const where = endpoint === undefined ? '' : ` at ${endpoint.address}`
    const cause = failure(
      'UT',
      `${name}${where} gave no complete answer within ${Math.round(this.#deadlines.spanMs)} ms`,
    )
    this.#dropCarrier()
    if (endpoint !== undefined) {
      endpoint.stats.rqTimeout++
      this.#judged = false
      this.#judge(cause.reason, nowMs)
      this.#endTry(this.#exchange.status, cause, nowMs)
    }
    this.#refuse(cause, nowMs)
  }

  #dropCarrier(): void {
    this.#coming?.leave(this, true)
    this.#carrier?.abandon()
    this.#coming = undefined
    this.#carrier = undefined
  }

  #tryTimedOut(nowMs: number): void {
    const endpoint = this.#endpoint!
    this.#cluster.stats.rqPerTryTimeout++
    endpoint.stats.rqTimeout++
    this.#dropCarrier()
    const said = `${this.#cluster.name} at ${endpoint.address} gave no answer within ${this.#deadlines.tryTimeoutMs} ms (perTryTimeout)`
    this.#tryFailed('per-try-timeout', failure('UT', said), nowMs)
  }

  // ---- the end

  #endTry(status: number, cause: Failure | undefined, nowMs: number): void {
    const endpoint = this.#endpoint
    if (endpoint === undefined) return
    const { stats } = this.#cluster
    stats.rqCompleted++
    if (status >= 100 && status < 600) {
      stats.rqByStatus[status]!++
      stats.rqByClass[Math.floor(status / 100) - 1]!++
    }
    this.#letGoOfEndpoint()
    this.#lastTried = endpoint
    this.#exchange.onAttempt?.(this.#exchange, {
      endpointId: endpoint.id,
      endpointAddress: endpoint.address,
      version: endpoint.version,
      status,
      grpcStatus: this.#grpcStatus,
      failure: cause,
      startedMs: this.#startedMs,
      durationMs: nowMs - this.#startedMs,
    })
  }

  #refuse(cause: Failure, nowMs: number): void {
    this.#leave()
    this.#cluster.context.refuse(this.#exchange, cause, nowMs)
  }

  #leave(): void {
    this.#carrier = undefined
    this.#cancelBackoff?.()
    this.#cancelBackoff = undefined
    this.#cluster.active.remove(this)
    this.#cluster.pool.withdraw(this)
    if (this.#retryCounted) this.#cluster.retriesActive--
    this.#retryCounted = false
  }

  #whyUnfit({ address }: Endpoint): string {
    return `${this.#cluster.name} at ${address} speaks HTTP/2 without extended CONNECT (RFC 8441): no WebSocket can be carried there`
  }
}

function passageOf(exchange: Exchange): Applicant['passage'] {
  const { method, upgrade } = exchange.request
  if (method === 'CONNECT') return 'socket'
  if (upgrade === '') return 'any'
  return asksForWebSocket(exchange) ? 'websocket' : 'upgrade'
}
