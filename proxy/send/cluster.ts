import type { Upstream } from '../../protocol/snapshot.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import type { Exchange } from '../exchange.ts'
import type { Failure } from '../failures.ts'
import { Roster } from '../roster.ts'
import { RetryBudget } from './budget.ts'
import type { Connect } from './connect.ts'
import type { Endpoint } from './endpoint.ts'
import { eject, mayEject, noteFailure, noteSuccess, ripen } from './fuse.ts'
import type { Http2UpstreamSettings } from './http2-settings.ts'
import { Membership } from './membership.ts'
import { Pool } from './pool.ts'
import type { UpstreamRequest } from './request.ts'
import { type ClusterStats, emptyClusterStats } from './stats.ts'

/** What all clusters of a sender share. */
export interface SenderContext {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log: Log
  readonly connect: Connect
  readonly http2: Http2UpstreamSettings
  /** Ends an exchange with an answer of the proxy's own. */
  readonly refuse: (exchange: Exchange, failure: Failure, nowMs: number) => void
}

/** One upstream: its endpoints, its connections, its limits, what is under way to it. */
export class Cluster {
  readonly name: string
  readonly stats: ClusterStats
  readonly context: SenderContext
  readonly membership: Membership
  readonly pool: Pool
  readonly budget = new RetryBudget()
  /** Requests under way, whatever try they are at. */
  readonly active = new Roster<UpstreamRequest>()
  retriesActive = 0
  upstream: Upstream

  constructor(name: string, upstream: Upstream, context: SenderContext) {
    this.name = name
    this.upstream = upstream
    this.context = context
    this.stats = emptyClusterStats(name)
    this.membership = new Membership(upstream)
    this.pool = new Pool(
      upstream,
      this.membership.endpoints,
      this.stats,
      context.connect,
      context.http2,
      context.log,
      context.clock.now(),
    )
    this.#tell()
  }

  /** A new policy: nothing that is under way is touched, connections to endpoints that stay are kept. */
  replace(upstream: Upstream): void {
    this.upstream = upstream
    this.pool.replace(upstream, this.membership.replace(upstream))
    this.#tell()
  }

  /** The service is gone: what is under way ends, then so do its connections. */
  close(): void {
    for (const endpoint of this.membership.endpoints.values()) endpoint.gone = true
    this.pool.close()
  }

  /** A try has shown something about its endpoint. `why`: what went wrong, '' when nothing did. */
  judge(endpoint: Endpoint, why: string, isProbe: boolean, nowMs: number): void {
    if (why === '') endpoint.stats.rqSuccess++
    else endpoint.stats.rqError++
    const policy = this.upstream.passiveHealthCheck
    if (policy === undefined || endpoint.gone) return
    if (why === '') {
      // The common case, kept short: a healthy endpoint that did well.
      if (endpoint.fuse.state === 'healthy') endpoint.fuse.consecutive = 0
      else if (noteSuccess(endpoint.fuse, nowMs, isProbe)) this.#changed(endpoint, 'is back: its probe succeeded', '')
      return
    }
    const failures = endpoint.fuse.consecutive + 1
    if (!noteFailure(endpoint.fuse, policy, nowMs, isProbe)) return
    if (!this.#mayEject(endpoint, policy.maxEjected)) {
      this.stats.ejectionsOverflow++
      return
    }
    const said = isProbe
      ? `its probe failed (${why})`
      : `${failures} failures in a row (${why}) >= ${policy.maxFailures}`
    const lengthMs = eject(endpoint.fuse, policy, nowMs)
    this.stats.ejectionsTotal++
    endpoint.stats.ejections++
    this.#changed(endpoint, `is out for ${lengthMs} ms: ${said}`, said)
  }

  /** A half-open endpoint that stays out needs no leave: it is out already. */
  #mayEject(endpoint: Endpoint, maxEjected: number): boolean {
    if (endpoint.fuse.state === 'half-open') return true
    let out = 0
    for (const other of this.membership.endpoints.values())
      if (other.fuse.state !== 'healthy' || other.health === 'ejected') out++
    return mayEject(out, this.membership.endpoints.size, maxEjected)
  }

  /** Called every now and then. */
  sweep(nowMs: number): void {
    this.pool.sweep(nowMs)
    this.active.forEach(request => {
      request.sweep(nowMs)
    })
    let ripened = false
    for (const endpoint of this.membership.endpoints.values()) ripened = ripen(endpoint.fuse, nowMs) || ripened
    if (ripened) this.#sorted()
  }

  #changed(endpoint: Endpoint, said: string, why: string): void {
    this.context.log.info(
      { cluster: this.name, endpoint: endpoint.id, version: endpoint.version },
      `${this.name} ${endpoint.version} at ${endpoint.address} ${said}`,
    )
    this.#sorted()
    endpoint.tell(why)
  }

  #sorted(): void {
    this.membership.sort()
    this.#tell()
  }

  #tell(): void {
    const { membership, stats } = this
    stats.membershipTotal = membership.endpoints.size
    stats.membershipHealthy = membership.healthy
    stats.panic = membership.panic ? 1 : 0
    stats.ejectionsActive = 0
    for (const endpoint of membership.endpoints.values()) if (endpoint.fuse.state !== 'healthy') stats.ejectionsActive++
  }
}
