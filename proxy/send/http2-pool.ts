// Hot path: HTTP/2 connections to one endpoint, and those who wait for a stream of one.
import type { Http2Stats } from '../http2/stats.ts'
import type { Applicant, Breakage, Carried, Coming } from './carrier.ts'
import type { Dial, DialFailure, DialOwner } from './dial.ts'
import type { Endpoint } from './endpoint.ts'
import { Http2Carrier } from './http2-carrier.ts'
import { type Http2ConnectionOwner, Http2UpstreamConnection } from './http2-connection.ts'
import type { Http2UpstreamSettings } from './http2-settings.ts'
import { StreamQueue } from './stream-queue.ts'
import type { UpstreamSocket } from './upstream-socket.ts'

/** What the endpoints of a cluster share. */
export interface Http2PoolHost {
  /** Coarse monotonic time. */
  readonly nowMs: number
  readonly http2: Http2UpstreamSettings
  readonly http2Stats: Http2Stats
  /** undefined: there is no room for a further connection. */
  dialHttp2(endpoint: Endpoint, owner: DialOwner): Dial | undefined
  /** A dial that was asked for has ended, in whatever way. */
  settled(dial: Dial): void
  /** It is not to carry anything new. */
  isOutdated(socket: UpstreamSocket): boolean
  /** The endpoint speaks HTTP/1.1 after all. */
  takeHttp1(socket: UpstreamSocket, waiter: Applicant | undefined): void
  /** False: too many wait already. */
  mayPend(): boolean
  /** So many more (or fewer) wait. */
  pended(change: 1 | -1): void
  onConnectFailed(endpoint: Endpoint): void
  onHttp2Connected(): void
  onBug(error: unknown): void
}

/** none: it has no connection, and there is no room for one. unfit: HTTP/2 here cannot carry what is asked for. */
export type Http2Grant = 'given' | 'coming' | 'none' | 'unfit' | 'overflow'

/** Stream ids end at 2^31, and every second one is ours: a connection is replaced well before. */
const REQUESTS_MAX = 500_000_000

export class Http2Pool implements Coming, DialOwner, Http2ConnectionOwner {
  readonly endpoint: Endpoint
  readonly #host: Http2PoolHost
  /** Those that take requests, in the order in which they are filled. */
  readonly #open: Http2UpstreamConnection[] = []
  /** Connected, and to show themselves by their settings. */
  readonly #greeting = new Set<Http2UpstreamConnection>()
  /** They carry what they carry to its end. */
  readonly #ending = new Set<Http2UpstreamConnection>()
  #dial: Dial | undefined = undefined
  readonly #queue: StreamQueue

  constructor(endpoint: Endpoint, host: Http2PoolHost) {
    this.endpoint = endpoint
    this.#host = host
    this.#queue = new StreamQueue(change => host.pended(change))
  }

  get nowMs(): number {
    return this.#host.nowMs
  }

  get settings(): Http2UpstreamSettings {
    return this.#host.http2
  }

  get stats(): Http2Stats {
    return this.#host.http2Stats
  }

  get isEmpty(): boolean {
    return this.#dial === undefined && this.#open.length + this.#greeting.size + this.#ending.size === 0
  }

  // ---- those who ask

  apply(applicant: Applicant): Http2Grant {
    const connection = this.#free()
    if (connection !== undefined) {
      if (applicant.passage === 'websocket' && !connection.codec.extendedConnect) return 'unfit'
      this.#give(connection, applicant)
      return 'given'
    }
    if (this.#mayDial() && this.#begin(applicant)) return 'coming'
    if (this.#open.length === 0 && !this.#isComing()) return 'none'
    if (!this.#host.mayPend()) return 'overflow'
    this.#queue.join(applicant)
    applicant.onComing(this)
    return 'coming'
  }

  leave(waiter: Carried, giveUp: boolean): void {
    if (!this.#queue.leave(waiter as Applicant)) return
    if (giveUp && this.#queue.size === 0) this.#giveUpDial()
  }

  #free(): Http2UpstreamConnection | undefined {
    const open = this.#open
    for (let i = 0; i < open.length; i++) if (open[i]!.codec.streamsFree > 0) return open[i]
    return undefined
  }

  #give(connection: Http2UpstreamConnection, applicant: Applicant): void {
    try {
      applicant.onConnected(new Http2Carrier(connection, applicant))
    } catch (error) {
      this.#host.onBug(error)
      applicant.onBroken('invalid', 'the proxy failed to pass its request on')
    }
  }

  // ---- connections on their way

  #isComing(): boolean {
    return this.#dial !== undefined || this.#greeting.size > 0
  }

  #mayDial(): boolean {
    return !this.#isComing() && this.#open.length < this.settings.connectionsPerEndpointMax
  }

  #begin(starter: Applicant | undefined): boolean {
    const dial = this.#host.dialHttp2(this.endpoint, this)
    if (dial === undefined) return false
    this.#dial = dial
    if (starter === undefined) return true
    this.#queue.joinAsStarter(starter)
    starter.onComing(this)
    return true
  }

  #arrived(): void {
    if (!this.#isComing()) this.#queue.countStarter()
  }

  #giveUpDial(): void {
    this.#dial?.giveUp()
    for (const connection of this.#greeting) connection.abandon('')
  }

  onDialed(dial: Dial): void {
    this.#dial = undefined
    this.#host.settled(dial)
    const { socket } = dial
    // In clear text nobody is asked: HTTP/2 is what the endpoint is known to speak.
    if (!socket.isSecure || socket.alpn === 'h2') {
      this.#greet(socket)
      return
    }
    // One of those who waited gets this connection, and the others ask for one of their own.
    this.endpoint.wire = 'http1'
    const [first, ...others] = this.#queue.takeAll()
    this.#host.takeHttp1(socket, first)
    for (const applicant of others) applicant.onTurn()
  }

  /** A connection that was to be one of HTTP/1.1 turned out to be one of HTTP/2. */
  adopt(socket: UpstreamSocket, waiter: Applicant | undefined): void {
    if (waiter !== undefined) {
      this.#queue.join(waiter)
      waiter.onComing(this)
    }
    this.#greet(socket)
  }

  #greet(socket: UpstreamSocket): void {
    this.#greeting.add(new Http2UpstreamConnection(socket, socket.isSecure, this))
  }

  onReady(connection: Http2UpstreamConnection): void {
    this.#greeting.delete(connection)
    this.#open.push(connection)
    this.endpoint.wire = 'http2'
    this.#host.onHttp2Connected()
    this.#serve()
    this.#arrived()
    if (this.#host.isOutdated(connection.socket)) connection.drain()
  }

  onDialFailed(dial: Dial, cause: DialFailure | undefined, detail: string): void {
    this.#dial = undefined
    this.#host.settled(dial)
    this.#failed(cause, detail)
  }

  #failed(cause: DialFailure | undefined, detail: string): void {
    if (cause !== undefined) this.#host.onConnectFailed(this.endpoint)
    // Where another connection carries on, those who wait for a stream wait on.
    if (this.#open.length > 0 || this.#isComing()) {
      this.#arrived()
      return
    }
    for (const applicant of this.#queue.takeAll()) this.#tellBroken(applicant, cause ?? 'connect', detail)
  }

  #tellBroken(applicant: Applicant, cause: Breakage, detail: string): void {
    try {
      applicant.onBroken(cause, detail)
    } catch (error) {
      this.#host.onBug(error)
    }
  }

  // ---- connections that are there (Http2ConnectionOwner)

  onFree(): void {
    if (this.#queue.size > 0) this.#serve()
  }

  #serve(): void {
    for (const applicant of this.#queue) {
      const connection = this.#free()
      if (connection === undefined) break
      this.#queue.leave(applicant)
      if (applicant.passage === 'websocket' && !connection.codec.extendedConnect) applicant.onTurn()
      else this.#give(connection, applicant)
    }
    if (this.#queue.size === 0 || !this.#mayDial()) return
    if (this.#begin(undefined) || this.#open.length > 0) return
    for (const applicant of this.#queue.takeAll()) applicant.onTurn()
  }

  onEnding(connection: Http2UpstreamConnection): void {
    this.#greeting.delete(connection)
    const at = this.#open.indexOf(connection)
    if (at >= 0) this.#open.splice(at, 1)
    this.#ending.add(connection)
    if (this.#queue.size > 0 && at >= 0) this.#serve()
  }

  onClosed(connection: Http2UpstreamConnection, detail: string): void {
    this.#ending.delete(connection)
    // It never carried anything: to those who wait it is a connection that did not come about.
    if (!connection.ready) this.#failed(detail === '' ? undefined : 'connect', detail)
  }

  onBug(error: unknown): void {
    this.#host.onBug(error)
  }

  // ---- room, time and the end

  get streams(): number {
    let sum = 0
    for (const connection of this.#open) sum += connection.codec.streamsOpen
    for (const connection of this.#ending) sum += connection.codec.streamsOpen
    return sum
  }

  /** A connection that carries nothing, to be closed where another is wanted more. */
  get idle(): Http2UpstreamConnection | undefined {
    return this.#open.find(connection => connection.isIdle)
  }

  /** No connection that is there takes anything new. */
  retire(): void {
    for (const connection of [...this.#open]) connection.drain()
  }

  /** The endpoint is gone: those who wait choose another one. */
  close(): void {
    const waiting = this.#queue.takeAll()
    this.#giveUpDial()
    this.retire()
    for (const applicant of waiting) applicant.onTurn()
  }

  /** @param timeoutMs of a connection on its way, 0: none */
  sweep(nowMs: number, timeoutMs: number, idleTimeoutMs: number): void {
    for (const connection of this.#greeting) {
      connection.sweep(nowMs, 0)
      if (timeoutMs > 0 && nowMs - connection.socket.openedMs > timeoutMs)
        connection.abandon(`no SETTINGS came within ${timeoutMs} ms: does it speak HTTP/2?`)
    }
    for (const connection of this.#ending) connection.sweep(nowMs, 0)
    for (const connection of [...this.#open]) {
      connection.sweep(nowMs, idleTimeoutMs)
      if (connection.requests > REQUESTS_MAX || this.#host.isOutdated(connection.socket)) connection.drain()
    }
  }
}
