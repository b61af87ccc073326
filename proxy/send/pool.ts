// Hot path: who gets which connection of a cluster.
import type { Upstream } from '../../protocol/snapshot.ts'
import type { Log } from '../../runtime/log.ts'
import type { Http2Stats } from '../http2/stats.ts'
import type { Applicant } from './carrier.ts'
import { type Connect, isSecured } from './connect.ts'
import { ConnectionTerms } from './connection-terms.ts'
import { Dial, type DialFailure, type DialOwner } from './dial.ts'
import type { Endpoint } from './endpoint.ts'
import { Http1Connection, type Http1ConnectionOwner } from './http1-connection.ts'
import { Http2Pool, type Http2PoolHost } from './http2-pool.ts'
import type { Http2UpstreamSettings } from './http2-settings.ts'
import type { ClusterStats } from './stats.ts'
import type { UpstreamSocket } from './upstream-socket.ts'
import { ALPN_BOTH, ALPN_HTTP1, NO_ALPN } from './wires.ts'

/** How long an unwanted answer may take to be read to its end. */
const DISCARD_MS = 2000

/**
 * 'given': onConnected was called. 'coming': a connection is being made. 'waiting': onTurn will be called. 'overflow': too many wait already.
 * 'unfit': the endpoint cannot carry what is asked for.
 */
export type Grant = 'given' | 'coming' | 'waiting' | 'overflow' | 'unfit'

/** The connections of one cluster: idle ones last in, first out; no more than the limit; those who wait, in order. */
export class Pool implements DialOwner, Http1ConnectionOwner, Http2PoolHost {
  readonly #stats: ClusterStats
  readonly #connect: Connect
  readonly #log: Log
  #upstream: Upstream
  #endpoints: ReadonlyMap<string, Endpoint>
  readonly #waiting = new Set<Applicant>()
  /** Those with a time limit. */
  readonly #dials = new Set<Dial>()
  readonly #discarding = new Set<Http1Connection>()
  /** Also of endpoints that are gone, until their last request is over. */
  readonly #http2Pools = new Set<Http2Pool>()
  readonly http2: Http2UpstreamSettings
  readonly #terms: ConnectionTerms
  #serving = false
  #nowMs: number

  constructor(
    upstream: Upstream,
    endpoints: ReadonlyMap<string, Endpoint>,
    stats: ClusterStats,
    connect: Connect,
    http2: Http2UpstreamSettings,
    log: Log,
    nowMs: number,
  ) {
    this.#upstream = upstream
    this.#terms = new ConnectionTerms(upstream)
    this.http2 = http2
    this.#nowMs = nowMs
    this.#endpoints = endpoints
    this.#stats = stats
    this.#connect = connect
    this.#log = log
  }

  replace(upstream: Upstream, gone: readonly Endpoint[]): void {
    this.#upstream = upstream
    const isSecuredAnew = this.#terms.replace(upstream)
    for (const endpoint of gone) {
      this.#closeIdle(endpoint)
      endpoint.http2?.close()
    }
    if (isSecuredAnew) {
      for (const endpoint of this.#endpoints.values()) endpoint.wire = ''
      this.close()
    }
    this.#serve()
  }

  /** `fresh`: no idle connection will do, the last one was stale. */
  apply(applicant: Applicant, endpoint: Endpoint, fresh: boolean, nowMs: number): Grant {
    if (this.#terms.wires !== 'http1') {
      const granted = this.#applyHttp2(applicant, endpoint)
      if (granted !== undefined) return granted
    }
    const idle = fresh ? undefined : endpoint.idle.pop()
    if (idle !== undefined) {
      idle.carry(applicant)
      return 'given'
    }
    if (!this.#makeRoom()) return this.#wait(applicant)
    // What an own connection is wanted for only HTTP/1.1 can do; else the endpoint may have learnt HTTP/2 meanwhile.
    const offers = this.#terms.wires === 'negotiated' && applicant.passage === 'any' ? ALPN_BOTH : ALPN_HTTP1
    applicant.onComing(this.#open(endpoint, offers, this, applicant, nowMs))
    return 'coming'
  }

  /** undefined: HTTP/1.1 is to carry it. */
  #applyHttp2(applicant: Applicant, endpoint: Endpoint): Grant | undefined {
    const { passage } = applicant
    const hasChoice = this.#terms.wires === 'negotiated'
    if (endpoint.wire === 'http1' || passage === 'socket' || (passage === 'upgrade' && hasChoice)) return undefined
    const grant = this.#http2Of(endpoint).apply(applicant)
    if (grant === 'none') return this.#wait(applicant)
    return grant === 'unfit' && hasChoice ? undefined : grant
  }

  #http2Of(endpoint: Endpoint): Http2Pool {
    if (endpoint.http2 !== undefined) return endpoint.http2
    endpoint.http2 = new Http2Pool(endpoint, this)
    this.#http2Pools.add(endpoint.http2)
    return endpoint.http2
  }

  #wait(applicant: Applicant): Grant {
    this.#stats.cxOverflow++
    if (!this.mayPend()) return 'overflow'
    this.#waiting.add(applicant)
    this.pended(1)
    return 'waiting'
  }

  mayPend(): boolean {
    return this.#stats.rqPending < this.#upstream.limits.maxPending
  }

  pended(change: 1 | -1): void {
    this.#stats.rqPending += change
    if (change > 0) this.#stats.rqPendingTotal++
  }

  /** A waiting applicant gives up. */
  withdraw(applicant: Applicant): void {
    if (this.#waiting.delete(applicant)) this.pended(-1)
  }

  // ---- connections on their way

  #open(
    endpoint: Endpoint,
    alpn: readonly string[],
    owner: DialOwner,
    waiter: Applicant | undefined,
    nowMs: number,
  ): Dial {
    const security = { ...this.#upstream, alpn, tcp: alpn === NO_ALPN }
    const open = (onBytes: (bytes: Buffer) => void) =>
      this.#connect(endpoint.address, security, onBytes, this.#stats.tls)
    this.#stats.cxTotal++
    this.#stats.cxActive++
    endpoint.stats.cxTotal++
    endpoint.stats.cxActive++
    const secure = isSecured(security)
    const dial = new Dial(endpoint, open, secure, this.#terms.securedAs, owner, waiter, nowMs, this.#onSocketClosed)
    this.#dials.add(dial)
    return dial
  }

  dialHttp2(endpoint: Endpoint, owner: DialOwner): Dial | undefined {
    return this.#makeRoom() ? this.#open(endpoint, ALPN_BOTH, owner, undefined, this.#nowMs) : undefined
  }

  /** For a TCP connection alone; undefined: there are as many connections as may be. */
  dialTcp(endpoint: Endpoint, owner: DialOwner, nowMs: number): Dial | undefined {
    return this.#makeRoom() ? this.#open(endpoint, NO_ALPN, owner, undefined, nowMs) : undefined
  }

  settled(dial: Dial): void {
    this.#dials.delete(dial)
  }

  onDialed(dial: Dial, waiter: Applicant | undefined): void {
    const { socket } = dial
    this.settled(dial)
    if (socket.alpn === 'h2') this.#http2Of(socket.endpoint).adopt(socket, waiter)
    else this.takeHttp1(socket, waiter)
  }

  takeHttp1(socket: UpstreamSocket, waiter: Applicant | undefined): void {
    this.#stats.cxHttp1Total++
    const connection = new Http1Connection(socket, this, this.#nowMs)
    if (waiter === undefined) this.onFree(connection)
    else connection.carry(waiter)
  }

  onDialFailed(dial: Dial, cause: DialFailure | undefined): void {
    this.settled(dial)
    if (cause !== undefined) this.onConnectFailed(dial.socket.endpoint)
  }

  onConnectFailed(endpoint: Endpoint): void {
    this.#stats.cxConnectFail++
    endpoint.stats.cxConnectFail++
  }

  onHttp2Connected(): void {
    this.#stats.cxHttp2Total++
  }

  get nowMs(): number {
    return this.#nowMs
  }

  get http2Stats(): Http2Stats {
    return this.#stats.http2
  }

  isOutdated(socket: UpstreamSocket): boolean {
    return this.#terms.isOutdated(socket, this.#nowMs)
  }

  // ---- room

  /** At the limit the longest idle connection of some endpoint makes place. One that waits longer may take that place, hence the loop. */
  #makeRoom(): boolean {
    while (this.#stats.cxActive >= this.#upstream.limits.maxConnections) {
      const oldest = this.#oldestIdle()
      if (oldest === undefined) return false
      oldest.abandon()
    }
    return true
  }

  #oldestIdle(): { abandon(): void } | undefined {
    for (const { idle } of this.#endpoints.values()) if (idle.length > 0) return idle[0]
    for (const { idle } of this.#http2Pools) if (idle !== undefined) return idle
    return undefined
  }

  onFree(connection: Http1Connection): void {
    const { endpoint, socket } = connection
    this.#discarding.delete(connection)
    connection.sinceMs = this.#nowMs
    if (this.isOutdated(socket)) {
      connection.abandon()
      return
    }
    endpoint.idle.push(connection)
    if (this.#waiting.size > 0) this.#serve()
  }

  onDiscarding(connection: Http1Connection): void {
    connection.sinceMs = this.#nowMs
    this.#discarding.add(connection)
  }

  onEnded(connection: Http1Connection): void {
    const { idle } = connection.endpoint
    const at = idle.indexOf(connection)
    if (at >= 0) idle.splice(at, 1)
    this.#discarding.delete(connection)
  }

  /** A connection on its way, or there, is no more. */
  readonly #onSocketClosed = ({ endpoint }: UpstreamSocket): void => {
    this.#stats.cxActive--
    endpoint.stats.cxActive--
    if (this.#waiting.size > 0) this.#serve()
  }

  onBug(error: unknown): void {
    this.#log.error({ err: error }, `an answer of ${this.#stats.name} met a bug in the proxy; its connection is closed`)
  }

  #serve(): void {
    // From within a turn that is being served places come free, too: they are that turn's.
    if (this.#serving) return
    this.#serving = true
    for (const applicant of this.#waiting) {
      const hasRoom = this.#stats.cxActive < this.#upstream.limits.maxConnections || this.#oldestIdle() !== undefined
      if (!hasRoom) break
      this.withdraw(applicant)
      applicant.onTurn()
    }
    this.#serving = false
  }

  /** Called every now and then: connection attempts and unwanted answers that take too long, connections idle for too long. */
  sweep(nowMs: number): void {
    this.#nowMs = nowMs
    const { connectTimeoutMs, idleTimeoutMs } = this.#upstream
    for (const dial of this.#dials) {
      if (connectTimeoutMs <= 0 || nowMs - dial.sinceMs <= connectTimeoutMs) continue
      this.#stats.cxConnectTimeout++
      dial.timeOut(`no connection within ${connectTimeoutMs} ms`)
    }
    this.#stats.http2StreamsActive = 0
    for (const http2 of this.#http2Pools) {
      this.#stats.http2StreamsActive += http2.streams
      http2.sweep(nowMs, connectTimeoutMs, idleTimeoutMs)
      if (http2.isEmpty && http2.endpoint.gone) this.#http2Pools.delete(http2)
    }
    for (const connection of this.#discarding) if (nowMs - connection.sinceMs > DISCARD_MS) connection.abandon()
    if (idleTimeoutMs > 0)
      for (const endpoint of this.#endpoints.values()) {
        while (endpoint.idle.length > 0 && nowMs - endpoint.idle[0]!.sinceMs > idleTimeoutMs)
          endpoint.idle[0]!.abandon()
      }
  }

  close(): void {
    for (const endpoint of this.#endpoints.values()) {
      this.#closeIdle(endpoint)
      endpoint.http2?.retire()
    }
  }

  #closeIdle(endpoint: Endpoint): void {
    while (endpoint.idle.length > 0) endpoint.idle[0]!.abandon()
  }
}
