import { type Failure, failure } from '../failures.ts'
import type { Passage, TcpConnection } from '../tcp/connection.ts'
import { Relay, type RelayEnd, type RelayOwner } from '../tcp/relay.ts'
import { brokenTry } from './broken-try.ts'
import type { Cluster } from './cluster.ts'
import type { Dial, DialFailure, DialOwner } from './dial.ts'
import { noEndpoint, tooManyDialled, tooManyOpen } from './refusals.ts'
import { NOBODY, Retrying, type RetryingOwner } from './retrying.ts'
import { pickTry, type Try } from './try.ts'

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
export class TcpPassage implements Passage, DialOwner, RelayOwner, RetryingOwner {
  readonly #connection: TcpConnection
  readonly #cluster: Cluster
  #dial: Dial | undefined = undefined
  /** Under way until the connection is over. */
  #try: Try | undefined = undefined
  /** undefined: no retry was ever wanted. */
  #retrying: Retrying | undefined = undefined
  /** How long the connection that stands took to come about. */
  #connectMs = 0
  /** Moment past which silence means that the connection was taken; 0: that is settled. */
  #silentUntilMs = 0

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
    this.#setOut(nowMs)
  }

  // ---- a try

  onRetryDue(nowMs: number): void {
    this.#setOut(nowMs)
  }

  #setOut(nowMs: number): void {
    const { pool } = this.#cluster
    const connection = this.#connection
    const picked = pickTry(this.#cluster, connection.version, false, this.#retrying?.tried ?? NOBODY, nowMs)
    if (picked === undefined) {
      this.#refuse(noEndpoint(this.#cluster, ''))
      return
    }
    const mayPend = pool.mayPend()
    const dial = mayPend ? pool.dialTcp(picked.endpoint, this, nowMs) : undefined
    if (dial === undefined) {
      picked.release()
      this.#refuse(mayPend ? tooManyOpen(this.#cluster) : tooManyDialled(this.#cluster))
      return
    }
    this.#dial = dial
    this.#try = picked
    pool.pended(1)
    picked.begin(connection)
  }

  onDialed(dial: Dial): void {
    const { pool, stats, context, upstream } = this.#cluster
    const connection = this.#connection
    const nowMs = context.clock.now()
    pool.settled(dial)
    this.#dialOver()
    this.#connectMs = nowMs - this.#try!.startedMs
    this.#silentUntilMs = nowMs + upstream.connectTimeoutMs + SILENCE_MARGIN_MS
    const counts = { downstream: connection.counts, upstream: stats.tcp }
    connection.relay = new Relay(connection.downstream, dial.socket, connection.time, counts, this)
  }

  /** Only of its own: one that we gave up is told nobody. */
  onDialFailed(dial: Dial, cause: DialFailure | undefined, detail: string): void {
    const { pool, stats, context } = this.#cluster
    pool.settled(dial)
    this.#dialOver()
    const failed = this.#try
    if (cause === undefined || failed === undefined) return
    pool.onConnectFailed(failed.endpoint)
    const broken = brokenTry(cause, failed.where, detail, stats)
    const nowMs = context.clock.now()
    this.#judge(failed, 0, broken.failure, nowMs - failed.startedMs)
    this.#endTry()
    if (!this.#isRetried(failed, nowMs)) this.#refuse(broken.failure)
  }

  #isRetried({ endpoint }: Try, nowMs: number): boolean {
    const { retries } = this.#cluster.upstream
    if (retries.attempts === 0) return false
    const { deadlineMs } = this.#connection
    const leftMs = deadlineMs > 0 ? deadlineMs - nowMs : NO_DEADLINE_MS
    this.#retrying ??= new Retrying(this.#cluster, retries, this)
    return this.#retrying.ask(endpoint, 0, leftMs, nowMs) === 'retry'
  }

  #dialOver(): void {
    this.#dial = undefined
    this.#cluster.pool.pended(-1)
  }

  // ---- the relay (RelayOwner)

  onHeard(): void {
    if (this.#silentUntilMs > 0) this.#settle(0, undefined)
  }

  onHalfClosed(side: 'downstream' | 'upstream'): void {
    if (this.#silentUntilMs === 0) return
    // Who asked and sends no more may be answered by an end; who was only let in and then shown out was not taken.
    if (side === 'downstream') this.#settle(0, undefined)
    else this.#settle(0, failure('UF', `${this.#try!.where} ended the connection before it sent anything`))
  }

  onRelayOver(end: RelayEnd, detail: string): void {
    const { stats } = this.#cluster
    const connection = this.#connection
    if (end === 'upstream-reset') {
      const where = this.#try!.where
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
    const settled = this.#try!
    this.#silentUntilMs = 0
    connection.failure ??= cause
    this.#judge(settled, status, cause, this.#connectMs)
    const durationMs = settled.startedMs + this.#connectMs - connection.startedMs
    connection.taken(status, cause, durationMs)
    const wasRetried = this.#retrying !== undefined && this.#retrying.number > 0
    if (wasRetried && cause === undefined && status === 0) this.#cluster.stats.rqRetrySuccess++
  }

  #judge(known: Try, status: number, cause: Failure | undefined, durationMs: number): void {
    // Who denies says nothing about how well it is.
    if (status !== DENIED_STATUS) known.judge(cause?.reason ?? '', this.#cluster.context.clock.now())
    this.#connection.onAttempt?.(this.#connection, known.attempt(status, cause, durationMs))
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
    this.#endTry()
    this.#retrying?.end()
  }

  /** Where it is over before it was known whether it was taken, nothing is known of the endpoint. */
  #endTry(): void {
    this.#try?.end(0)
    this.#try = undefined
  }
}
