// Hot path: a request on its way to whichever connection carries it, as often as it has to be sent and may be.
import type { Retries } from '../../protocol/snapshot.ts'
import { type Exchange, type Fields, fieldOf, type ResponseHead } from '../exchange.ts'
import type { Applicant, Breakage, Carrier, Coming } from './carrier.ts'
import type { Cluster } from './cluster.ts'
import { type Deadlines, deadlinesOf } from './deadlines.ts'
import type { Endpoint } from './endpoint.ts'
import { RequestBody } from './request-body.ts'
import { tellGrpcTimeout } from './request-head.ts'
import {
  isIdempotent,
  retryAfterMs,
  type TryEnd,
  wantsRetryOfAnswer,
  wantsRetryOfEnd,
  wantsRetryOfGrpc,
} from './retry.ts'
import { NOBODY, Retrying, type RetryingOwner } from './retrying.ts'
import type { Try } from './try.ts'

/** Idle connections that may turn out to be closed before it is the endpoint's fault. */
const STALE_MAX = 3
/** Without a deadline, the longest Retry-After that is waited for. */
const RETRY_AFTER_MAX_MS = 10_000

/**
 * Hands a request over from its beginning, again and again. It is the body's object with more to know, because there is one for each request:
 * two would cost every request, to spare the reader a word.
 */
export class Delivery extends RequestBody {
  /** The whole request was given to the carrier. */
  sent = false
  carrier: Carrier | undefined = undefined
  /** The connection that is being made for it. */
  coming: Coming | undefined = undefined
  readonly deadlines: Deadlines
  readonly #retries: Retries
  /** A call of gRPC whose retry conditions name a gRPC status: that is the word that it may be sent twice, whatever its method. */
  readonly #repeatsCall: boolean
  readonly #exchange: Exchange
  readonly #cluster: Cluster
  readonly #owner: Applicant & RetryingOwner
  /** Tries of which an endpoint may have seen a byte, and done something with it. */
  #processed = 0
  #stale = 0
  /** An endpoint did nothing with it, and it was sent again at once. */
  #refused = false
  /** undefined: no retry was ever wanted. */
  #retrying: Retrying | undefined = undefined

  constructor(exchange: Exchange, cluster: Cluster, owner: Applicant & RetryingOwner) {
    super(exchange.request.hasBody)
    this.#exchange = exchange
    this.#cluster = cluster
    this.#owner = owner
    this.#retries = exchange.routeRetries ?? cluster.upstream.retries
    this.#repeatsCall = exchange.grpc && wantsRetryOfGrpc(this.#retries, -1)
    this.deadlines = deadlinesOf(exchange, this.#retries.perTryTimeoutMs, this.#repeatsCall)
  }

  // ---- to a connection

  /** Head and what there is of the body; what comes of it later follows. */
  sendBy(carrier: Carrier): void {
    const exchange = this.#exchange
    this.#connected(carrier)
    this.sent = exchange.requestEnded
    if (this.deadlines.fixed) tellGrpcTimeout(exchange.request.fields, this.deadlines.leftMs(this.#now, 0))
    carrier.head(exchange, !exchange.request.hasBody)
    // It may be more than the endpoint takes, and was refused then.
    if (this.carrier !== carrier) return
    this.sendTo(carrier, this.sent)
    // What may never be sent again need not be kept.
    if (!carrier.mayRefuse && !this.#maySendTwice) this.forget()
    if (!this.sent) this.resume()
  }

  /** The head of a CONNECT: what follows is the tunnel's. */
  openTunnelBy(carrier: Carrier): void {
    this.#connected(carrier)
    carrier.head(this.#exchange, false)
  }

  #connected(carrier: Carrier): void {
    this.coming = undefined
    this.carrier = carrier
    this.#processed++
  }

  /** A piece of the body came in. False: the client is to wait. */
  receive(chunk: Buffer): boolean {
    this.deadlines.push(this.#now)
    return this.take(chunk, this.carrier)
  }

  /** The client has sent all of it. */
  complete(trailers: Fields | null): void {
    this.deadlines.push(this.#now)
    this.end(trailers, this.carrier)
    this.sent = this.carrier !== undefined
  }

  /** Whatever carries it takes more. */
  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.#exchange.resumeRequest()
  }

  /** The client has bytes to send that we would take. */
  get isOwed(): boolean {
    return !this.#exchange.requestEnded && !this.paused
  }

  /** From here on bytes pass as they come, for as long as they come. */
  tunnel(): void {
    this.sent = true
    this.deadlines.stop()
    this.forget()
  }

  /** Takes it away from what carries it, or was to. `giveUp`: that took too long, so that nobody else shall have the connection either. */
  takeBack(giveUp: boolean): void {
    this.coming?.leave(this.#owner, giveUp)
    this.carrier?.abandon()
    this.letGo()
  }

  letGo(): void {
    this.coming = undefined
    this.carrier = undefined
  }

  get #now(): number {
    return this.#cluster.context.clock.now()
  }

  // ---- again

  /** Not one byte reached an endpoint, or it may be sent twice and is still all here; and nothing of an answer went out. */
  get #repeatable(): boolean {
    if (this.#exchange.responding || this.#exchange.tunnelling) return false
    return !this.unrepeatable && (this.#processed === 0 || this.#maySendTwice)
  }

  get #maySendTwice(): boolean {
    return this.#repeatsCall || isIdempotent(this.#exchange.request.method)
  }

  /**
   * Its connection broke. Whether the same endpoint gets it again at once: after an idle connection that had been closed, some times; after
   * the endpoint did nothing with it, once.
   */
  broke(cause: Breakage): 'again' | 'failed' {
    this.letGo()
    if (cause === 'too-large') {
      this.#processed--
      return 'failed'
    }
    if (cause === 'refused') {
      this.#processed--
      this.sent = false
      if (this.#refused || !this.#repeatable) return 'failed'
      this.#refused = true
      this.#cluster.stats.rqRefused++
      return 'again'
    }
    if (cause !== 'stale' || this.#stale >= STALE_MAX || !this.#repeatable) return 'failed'
    this.#stale++
    this.sent = false
    return 'again'
  }

  /** Whether this answer is not passed on, because a retry follows. */
  retriesAnswer({ endpoint, grpcStatus }: Try, head: ResponseHead, nowMs: number): boolean {
    if (!wantsRetryOfAnswer(this.#retries, head.status, grpcStatus)) return false
    const waitMs = retryAfterMs(fieldOf(head.fields, 'retry-after'), this.#cluster.context.clock.wall())
    return this.#retry(endpoint, waitMs, nowMs)
  }

  /** Whether a retry follows a try that brought no answer. */
  retriesEnd({ endpoint }: Try, end: TryEnd, nowMs: number): boolean {
    if (this.#exchange.responding || !wantsRetryOfEnd(this.#retries, end)) return false
    return this.#retry(endpoint, 0, nowMs)
  }

  #retry(endpoint: Endpoint, leastWaitMs: number, nowMs: number): boolean {
    if (this.#retries.attempts === 0 || !this.#repeatable) return false
    this.#retrying ??= new Retrying(this.#cluster, this.#retries, this.#owner)
    const leftMs = this.deadlines.leftMs(nowMs, RETRY_AFTER_MAX_MS)
    const decided = this.#retrying.ask(endpoint, leastWaitMs, leftMs, nowMs)
    this.#exchange.retriesSpent = decided === 'limit' || decided === 'overflow'
    return decided === 'retry'
  }

  /** Whom the next try leaves out, if there is another. */
  get tried(): readonly Endpoint[] {
    return this.#retrying === undefined ? NOBODY : this.#retrying.tried
  }

  get wasRetried(): boolean {
    return this.#retrying !== undefined && this.#retrying.number > 0
  }

  /** It has arrived for good, or will not: nothing of it follows. */
  over(): void {
    this.letGo()
    this.#retrying?.end()
  }
}
