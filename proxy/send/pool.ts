// Hot path: who gets which connection of a cluster.
import type { Upstream } from '../../protocol/snapshot.ts'
import type { Log } from '../../runtime/log.ts'
import type { Carried, Coming } from './carrier.ts'
import { type Connect, isSecured, type UpstreamSecurity } from './connect.ts'
import { Dial, type DialOwner } from './dial.ts'
import type { Endpoint } from './endpoint.ts'
import { Http1Connection, type Http1ConnectionOwner } from './http1-connection.ts'
import type { ClusterStats } from './stats.ts'
import type { UpstreamSocket } from './upstream-socket.ts'

/** How long an unwanted answer may take to be read to its end. */
const DISCARD_MS = 2000
/** Names may move: a connection to one is not used for longer than this. */
const NAMED_CONNECTION_MS = 300_000

/** Something that wants a connection to `endpoint`, and waits if there is none to be had. */
export interface Applicant extends Carried {
  /** A connection is being made for it: onConnected or onBroken follows. */
  onComing(coming: Coming): void
  /** A waiting applicant's turn has come: to choose an endpoint again and ask again. */
  onTurn(): void
}

/** 'given': onConnected was called. 'coming': it will be. 'waiting': onTurn will be. 'overflow': too many wait already. */
export type Grant = 'given' | 'coming' | 'waiting' | 'overflow'

/** The connections of one cluster: idle ones last in, first out; no more than the limit; those who wait, in order. */
export class Pool implements DialOwner, Http1ConnectionOwner {
  readonly #stats: ClusterStats
  readonly #connect: Connect
  readonly #log: Log
  #upstream: Upstream
  #endpoints: ReadonlyMap<string, Endpoint>
  readonly #waiting = new Set<Applicant>()
  /** Those with a time limit. */
  readonly #dials = new Set<Dial>()
  readonly #discarding = new Set<Http1Connection>()
  #serving = false
  #nowMs: number
  /** How connections are to be secured: those of another way carry what they carry to its end, and nothing more. */
  #securedAs: string

  constructor(
    upstream: Upstream,
    endpoints: ReadonlyMap<string, Endpoint>,
    stats: ClusterStats,
    connect: Connect,
    log: Log,
    nowMs: number,
  ) {
    this.#upstream = upstream
    this.#securedAs = securityKey(upstream)
    this.#nowMs = nowMs
    this.#endpoints = endpoints
    this.#stats = stats
    this.#connect = connect
    this.#log = log
  }

  replace(upstream: Upstream, gone: readonly Endpoint[]): void {
    this.#upstream = upstream
    for (const endpoint of gone) this.#closeIdle(endpoint)
    const securedAs = securityKey(upstream)
    if (securedAs !== this.#securedAs) {
      this.#securedAs = securedAs
      this.close()
    }
    this.#serve()
  }

  /** `fresh`: no idle connection will do, the last one was stale. */
  apply(applicant: Applicant, endpoint: Endpoint, fresh: boolean, nowMs: number): Grant {
    const idle = fresh ? undefined : endpoint.idle.pop()
    if (idle !== undefined) {
      idle.carry(applicant)
      return 'given'
    }
    if (this.#makeRoom()) {
      this.#open(applicant, endpoint, nowMs)
      return 'coming'
    }
    this.#stats.cxOverflow++
    if (this.#waiting.size >= this.#upstream.limits.maxPending) return 'overflow'
    this.#waiting.add(applicant)
    this.#stats.rqPendingTotal++
    this.#stats.rqPending = this.#waiting.size
    return 'waiting'
  }

  /** A waiting applicant gives up. */
  withdraw(applicant: Applicant): void {
    this.#waiting.delete(applicant)
    this.#stats.rqPending = this.#waiting.size
  }

  #open(applicant: Applicant, endpoint: Endpoint, nowMs: number): void {
    const security = this.#upstream
    const open = (onBytes: (bytes: Buffer) => void) =>
      this.#connect(endpoint.address, security, onBytes, this.#stats.tls)
    this.#stats.cxTotal++
    this.#stats.cxActive++
    endpoint.stats.cxTotal++
    endpoint.stats.cxActive++
    const secure = isSecured(security)
    const dial = new Dial(endpoint, open, secure, this.#securedAs, this, applicant, nowMs, this.#onSocketClosed)
    this.#dials.add(dial)
    applicant.onComing(dial)
  }

  onDialed(dial: Dial, waiter: Carried | undefined): void {
    this.#dials.delete(dial)
    const connection = new Http1Connection(dial.socket, this, this.#nowMs)
    if (waiter === undefined) this.onFree(connection)
    else connection.carry(waiter)
  }

  onDialFailed(dial: Dial): void {
    this.#dials.delete(dial)
  }

  /** At the limit the longest idle connection of some endpoint makes place. One that waits longer may take that place, hence the loop. */
  #makeRoom(): boolean {
    while (this.#stats.cxActive >= this.#upstream.limits.maxConnections) {
      const oldest = this.#oldestIdle()
      if (oldest === undefined) return false
      oldest.abandon()
    }
    return true
  }

  #oldestIdle(): Http1Connection | undefined {
    for (const endpoint of this.#endpoints.values()) if (endpoint.idle.length > 0) return endpoint.idle[0]
    return undefined
  }

  onFree(connection: Http1Connection): void {
    const { endpoint, socket } = connection
    this.#discarding.delete(connection)
    connection.sinceMs = this.#nowMs
    if (endpoint.gone || socket.securedAs !== this.#securedAs || this.#tooOld(socket)) {
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
    for (const connection of this.#discarding) if (nowMs - connection.sinceMs > DISCARD_MS) connection.abandon()
    if (idleTimeoutMs > 0)
      for (const endpoint of this.#endpoints.values()) {
        while (endpoint.idle.length > 0 && nowMs - endpoint.idle[0]!.sinceMs > idleTimeoutMs)
          endpoint.idle[0]!.abandon()
      }
  }

  close(): void {
    for (const endpoint of this.#endpoints.values()) this.#closeIdle(endpoint)
  }

  #closeIdle(endpoint: Endpoint): void {
    while (endpoint.idle.length > 0) endpoint.idle[0]!.abandon()
  }

  #tooOld({ endpoint, openedMs }: UpstreamSocket): boolean {
    return endpoint.named && this.#nowMs - openedMs > NAMED_CONNECTION_MS
  }
}

function securityKey({ tls, peerSpiffeId }: UpstreamSecurity): string {
  return peerSpiffeId ?? (tls === undefined ? '' : `tls ${JSON.stringify(tls)}`)
}
