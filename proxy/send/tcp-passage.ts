import type { Attempt } from '../exchange.ts'
import { type Failure, failure } from '../failures.ts'
import type { Passage, TcpConnection } from '../tcp/connection.ts'
import { Relay, type RelayEnd, type RelayOwner } from '../tcp/relay.ts'
import { brokenTry } from './broken-try.ts'
import type { Cluster } from './cluster.ts'
import type { Dial, DialFailure, DialOwner } from './dial.ts'
import type { Endpoint } from './endpoint.ts'
import { decideRetry } from './retry-decision.ts'

const NONE: readonly Endpoint[] = []
/** Where nothing says how long a connection may take to come about. */
const NO_DEADLINE_MS = 60_000
/**
 * A proxy takes a connection before it knows whether its application will: past the time that the application may take to be reached, and
 * this, whoever said nothing is taken to listen.
 */
const SILENCE_MARGIN_MS = 1000
/** As which a connection counts that the far end reset before it sent anything: of HTTP, denied. */
const DENIED_STATUS = 403

/**
 * One TCP connection on its way through a cluster: an endpoint is picked and dialled, after a failure another one (nothing was sent, so that
 * is always safe), then bytes are relayed until both sides have ended. Its endpoint is judged when it is known to have taken the connection,
 * not at its end: connections last.
 */
export class TcpPassage implements Passage, DialOwner, RelayOwner {
  readonly #connection: TcpConnection
  readonly #cluster: Cluster
  #dial: Dial | undefined = undefined
  #endpoint: Endpoint | undefined = undefined
  #tried: readonly Endpoint[] = NONE
  #probe = false
  #startedMs = 0
  /** How long the connection that stands took to come about. */
  #connectMs = 0
  /** Moment past which silence means that the connection was taken; 0: that is settled. */
  #silentUntilMs = 0
  #retryNumber = 0
  #retryCounted = false
  #cancelBackoff: (() => void) | undefined = undefined

  constructor(connection: TcpConnection, cluster: Cluster) {
    this.#connection = connection
    this.#cluster = cluster
  }

  /** Sets out. Ends by itself, or when the connection is over. */
  start(): void {
    const { clock } = this.#cluster.context
    const nowMs = clock.now()
    this.#connection.passage = this
    this.#cluster.budget.noteRequest(nowMs)
    this.#try(nowMs)
  }

  // ---- a try

  #try(nowMs: number): void {
    const { membership, pool, stats, context, upstream, name } = this.#cluster
    const connection = this.#connection
    const endpoint = membership.pick(connection.version, false, this.#tried, nowMs, context.random)
    if (endpoint === undefined) {
      stats.rqNoHealthyUpstream++
      this.#refuse(failure('UH', this.#cluster.whyNoEndpoint('')))
      return
    }
    const { maxConnections, maxPending } = upstream.limits
    this.#probe = membership.pickedProbe
    if (!pool.mayPend()) {
      stats.rqPendingOverflow++
      this.#overflow(endpoint, `${maxPending} connections to ${name} are being made already (limit maxPending)`)
      return
    }
    const dial = pool.dialTcp(endpoint, this, nowMs)
    if (dial === undefined) {
      stats.cxOverflow++
      this.#overflow(endpoint, `${maxConnections} connections to ${name} are open already (limit maxConnections)`)
      return
    }
    this.#dial = dial
    this.#endpoint = endpoint
    this.#startedMs = nowMs
    pool.pended(1)
    connection.endpointId = endpoint.id
    connection.endpointAddress = endpoint.address
    connection.version = endpoint.version
    connection.attempts++
    this.#cluster.beginTry(endpoint)
  }

  #overflow(endpoint: Endpoint, said: string): void {
    if (this.#probe) this.#cluster.releaseProbe(endpoint)
    this.#refuse(failure('UO', said))
  }

  onDialed(dial: Dial): void {
    const { pool, stats, context, upstream } = this.#cluster
    const connection = this.#connection
    const nowMs = context.clock.now()
    pool.settled(dial)
    this.#dialOver()
    this.#connectMs = nowMs - this.#startedMs
    this.#silentUntilMs = nowMs + upstream.connectTimeoutMs + SILENCE_MARGIN_MS
    const counts = { downstream: connection.counts, upstream: stats.tcp }
    connection.relay = new Relay(connection.downstream, dial.socket, connection.time, counts, this)
  }

  /** Only of its own: one that we gave up is told nobody. */
  onDialFailed(dial: Dial, cause: DialFailure | undefined, detail: string): void {
    const { pool, stats, context } = this.#cluster
    pool.settled(dial)
    this.#dialOver()
    const endpoint = this.#endpoint
    if (cause === undefined || endpoint === undefined) return
    pool.onConnectFailed(endpoint)
    const broken = brokenTry(cause, this.#at(endpoint), detail, stats)
    const nowMs = context.clock.now()
    this.#judge(0, broken.failure, nowMs - this.#startedMs)
    this.#letGoOfEndpoint()
    this.#tried = [...this.#tried, endpoint]
    if (!this.#retried(nowMs)) this.#refuse(broken.failure)
  }

  #dialOver(): void {
    this.#dial = undefined
    this.#cluster.pool.pended(-1)
  }

  #retried(nowMs: number): boolean {
    const { stats, upstream, budget, context, retriesActive } = this.#cluster
    const { retries, limits } = upstream
    const { deadlineMs } = this.#connection
    const decision = decideRetry({
      retries,
      had: this.#retryNumber,
      othersUnderWay: retriesActive - (this.#retryCounted ? 1 : 0),
      maxRetries: limits.maxRetries,
      budget,
      leastWaitMs: 0,
      leftMs: deadlineMs > 0 ? deadlineMs - nowMs : NO_DEADLINE_MS,
      nowMs,
      random: context.random(),
    })
    if (decision.status === 'overflow') stats.rqRetryOverflow++
    if (decision.status === 'limit' && retries.attempts > 0) stats.rqRetryLimitExceeded++
    if (decision.status !== 'retry') return false
    stats.rqRetry++
    this.#retryNumber++
    if (!this.#retryCounted) this.#cluster.retriesActive++
    this.#retryCounted = true
    this.#cancelBackoff = context.clock.after(decision.waitMs, () => this.#try(context.clock.now()))
    return true
  }

  // ---- the relay (RelayOwner)

  onHeard(): void {
    if (this.#silentUntilMs > 0) this.#settle(0, undefined)
  }

  onHalfClosed(side: 'downstream' | 'upstream'): void {
    if (this.#silentUntilMs === 0) return
    // Who asked and sends no more may be answered by an end; who was only let in and then shown out was not taken.
    if (side === 'downstream') this.#settle(0, undefined)
    else this.#settle(0, failure('UF', `${this.#at(this.#endpoint!)} ended the connection before it sent anything`))
  }

  onRelayOver(end: RelayEnd, detail: string): void {
    const { stats } = this.#cluster
    const connection = this.#connection
    if (end === 'upstream-reset') {
      const where = this.#at(this.#endpoint!)
      stats.rqRxReset++
      stats.cxDestroyRemote++
      if (this.#silentUntilMs > 0) {
        this.#settle(DENIED_STATUS, undefined)
        const said = `${where} reset the connection before it sent anything (${detail}): its proxy denied it, or the application behind it did`
        connection.failure ??= failure('UC', said)
      } else connection.failure ??= failure('UC', `${where} reset the connection: ${detail}`)
    } else if (end === 'downstream-reset') connection.failure ??= failure('DC', `the client broke off: ${detail}`)
    this.#leave()
    connection.finish()
  }

  /** It is known whether the endpoint took the connection. */
  #settle(status: number, cause: Failure | undefined): void {
    const connection = this.#connection
    this.#silentUntilMs = 0
    connection.failure ??= cause
    this.#judge(status, cause, this.#connectMs)
    const durationMs = this.#startedMs + this.#connectMs - connection.startedMs
    connection.taken(status, cause, durationMs)
    if (this.#retryNumber > 0 && cause === undefined && status === 0) this.#cluster.stats.rqRetrySuccess++
  }

  #judge(status: number, cause: Failure | undefined, durationMs: number): void {
    const endpoint = this.#endpoint!
    const { context } = this.#cluster
    // Who denies says nothing about how well it is.
    if (status === DENIED_STATUS) this.#releaseProbe()
    else this.#cluster.judge(endpoint, cause?.reason ?? '', this.#probe, context.clock.now())
    this.#probe = false
    const attempt: Attempt = {
      endpointId: endpoint.id,
      endpointAddress: endpoint.address,
      version: endpoint.version,
      status,
      grpcStatus: -1,
      failure: cause,
      startedMs: this.#startedMs,
      durationMs,
    }
    this.#connection.onAttempt?.(this.#connection, attempt)
  }

  // ---- the end (Passage)

  sweep(nowMs: number): void {
    const { relay } = this.#connection
    if (relay === undefined) return
    if (this.#silentUntilMs > 0 && nowMs > this.#silentUntilMs) this.#settle(0, undefined)
    const { idleTimeoutMs } = this.#cluster.upstream
    if (idleTimeoutMs <= 0 || nowMs - relay.lastMs <= idleTimeoutMs) return
    this.#connection.counts.idleTimeout++
    this.#cluster.stats.tcp.idleTimeout++
    this.#connection.failure ??= failure('SI', `nothing passed for ${idleTimeoutMs} ms (idleTimeout)`)
    relay.close()
    this.#leave()
    this.#connection.finish()
  }

  abandon(): void {
    this.#cluster.stats.rqTxReset++
    this.#dial?.giveUp()
    this.#connection.relay?.reset()
    this.#leave()
  }

  #refuse(cause: Failure): void {
    this.#leave()
    this.#connection.refuse(cause)
  }

  #leave(): void {
    this.#cancelBackoff?.()
    this.#cancelBackoff = undefined
    // Over before it was known whether it was taken: nothing is known of the endpoint.
    this.#releaseProbe()
    this.#letGoOfEndpoint()
    if (this.#retryCounted) this.#cluster.retriesActive--
    this.#retryCounted = false
  }

  #releaseProbe(): void {
    if (this.#probe && this.#endpoint !== undefined) this.#cluster.releaseProbe(this.#endpoint)
    this.#probe = false
  }

  #letGoOfEndpoint(): void {
    const endpoint = this.#endpoint
    if (endpoint === undefined) return
    this.#endpoint = undefined
    this.#cluster.endTry(endpoint)
    this.#cluster.stats.rqCompleted++
  }

  #at({ version, address }: Endpoint): string {
    return `${this.#cluster.name} ${version} at ${address}`
  }
}
