import type { Upstream } from '../../protocol/snapshot.ts'
import type { Stage } from '../exchange.ts'
import { failure } from '../failures.ts'
import type { TcpStage } from '../tcp/connection.ts'
import { Cluster, type SenderContext } from './cluster.ts'
import { type Connect, connectSocket } from './connect.ts'
import { DEFAULT_HTTP2_UPSTREAM, type Http2UpstreamSettings } from './http2-settings.ts'
import { UpstreamRequest } from './request.ts'
import type { ClusterStats, EndpointStats } from './stats.ts'
import { TcpPassage } from './tcp-passage.ts'

/** How often deadlines and idle times are looked at: exact to about this much. */
const SWEEP_MS = 50

export type SenderParts = Omit<SenderContext, 'connect' | 'http2'> & {
  connect?: Connect
  http2?: Partial<Http2UpstreamSettings>
}

/** One cluster for those who look: live objects, to be read only. */
export interface ClusterView {
  readonly upstream: Upstream
  readonly stats: ClusterStats
  readonly endpoints: Iterable<EndpointStats>
}

export interface Sender {
  /** Sends an exchange to an endpoint of `exchange.service` and brings the answer back, or one of the proxy's own. */
  readonly send: Stage
  /** Carries a TCP connection to an endpoint of `connection.service`. */
  readonly connect: TcpStage
  /** The upstreams there are now, by service. What is under way, and connections to endpoints that stay, are not touched. */
  reconcile(upstreams: ReadonlyMap<string, Upstream>): void
  clusters(): ClusterView[]
  /** Requests under way. */
  readonly active: number
  /** Closes idle connections now, the others when their request is over. */
  close(): void
}

export function createSender(parts: SenderParts): Sender {
  const context: SenderContext = {
    connect: connectSocket,
    ...parts,
    http2: {
      ...DEFAULT_HTTP2_UPSTREAM,
      ...parts.http2,
      limits: { ...DEFAULT_HTTP2_UPSTREAM.limits, ...parts.http2?.limits },
    },
  }
  const clusters = new Map<string, Cluster>()
  /** Gone from the policy, still with something under way. */
  const leaving = new Set<Cluster>()
  let closing = false
  const stopSweep = context.clock.every(SWEEP_MS, () => {
    const nowMs = context.clock.now()
    for (const cluster of clusters.values()) cluster.sweep(nowMs)
    for (const cluster of leaving) {
      cluster.sweep(nowMs)
      if (cluster.active.size === 0 && cluster.stats.cxActive === 0) leaving.delete(cluster)
    }
    if (closing && leaving.size === 0) stopSweep()
  })

  function remove(name: string, cluster: Cluster): void {
    clusters.delete(name)
    cluster.close()
    leaving.add(cluster)
  }

  return {
    send(exchange) {
      const nowMs = exchange.startedMs
      const cluster = clusters.get(exchange.service)
      if (cluster === undefined) {
        context.refuse(exchange, failure('NR', `no upstream named ${exchange.service} is known here`), nowMs)
        return
      }
      const { maxRequests } = cluster.upstream.limits
      if (cluster.active.size >= maxRequests) {
        cluster.stats.rqOverflow++
        const said = `${maxRequests} requests to ${cluster.name} are under way already (limit maxRequests)`
        context.refuse(exchange, failure('UO', said), nowMs)
        return
      }
      new UpstreamRequest(exchange, cluster).start()
    },
    connect(connection) {
      const cluster = clusters.get(connection.service)
      if (cluster === undefined) {
        connection.counts.cxNoRoute++
        connection.refuse(failure('NR', `no upstream named ${connection.service} is known here`))
        return
      }
      new TcpPassage(connection, cluster).start()
    },
    reconcile(upstreams) {
      for (const [name, cluster] of clusters) if (!upstreams.has(name)) remove(name, cluster)
      for (const [name, upstream] of upstreams) {
        const cluster = clusters.get(name)
        if (cluster === undefined) clusters.set(name, new Cluster(name, upstream, context))
        else if (cluster.upstream !== upstream) cluster.replace(upstream)
      }
    },
    clusters() {
      return [...clusters.values()].map(({ upstream, stats, membership }) => ({
        upstream,
        stats,
        endpoints: [...membership.endpoints.values()].map(endpoint => endpoint.stats),
      }))
    },
    get active() {
      let sum = 0
      for (const cluster of clusters.values()) sum += cluster.active.size
      for (const cluster of leaving) sum += cluster.active.size
      return sum
    },
    close() {
      closing = true
      for (const [name, cluster] of clusters) remove(name, cluster)
    },
  }
}
