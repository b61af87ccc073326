import { isIP } from 'node:net'
import type { Endpoint as EndpointConfig } from '../../protocol/snapshot.ts'
import { parseAddress } from '../../runtime/address.ts'
import { type Fuse, newFuse } from './fuse.ts'
import type { Http1Connection } from './http1-connection.ts'
import type { Http2Pool } from './http2-pool.ts'
import { type EndpointStats, emptyEndpointStats } from './stats.ts'

/** One endpoint of a cluster as this proxy knows it. It stays the same object over policy changes for as long as its address does. */
export class Endpoint {
  readonly id: string
  readonly address: string
  /** Its address is a name, which may come to mean another host. */
  readonly named: boolean
  version: string
  health: EndpointConfig['health']
  readonly stats: EndpointStats
  fuse: Fuse = newFuse()
  /** Connections of HTTP/1.1 that nobody uses: taken and put back at the end, closed for age at the beginning. */
  readonly idle: Http1Connection[] = []
  /** Made when it is first asked for. */
  http2: Http2Pool | undefined = undefined
  /** What it spoke when it was last asked by TLS, '' when it was not; or what is known. */
  wire: '' | 'http1' | 'http2' = ''
  /** No longer in the policy: what is under way ends, nothing new begins. */
  gone = false
  /** When control's word is 'probing': the moment from which it may get one request more. */
  nextProbeMs = 0

  constructor(config: EndpointConfig) {
    this.id = config.id
    this.address = config.address
    this.named = isIP(parseAddress(config.address)?.host ?? '') === 0
    this.version = config.version
    this.health = config.health
    this.stats = emptyEndpointStats(config.id, config.address, config.version, config.zone ?? '')
  }

  /** Requests under way, for the balancer. */
  get active(): number {
    return this.stats.rqActive
  }

  /** Whether it gets its share of requests. */
  get usable(): boolean {
    return this.health === 'healthy' && this.fuse.state === 'healthy'
  }

  /** Writes what it is in into its stats, for people and metrics. */
  tell(why: string): void {
    const { stats, fuse, health } = this
    stats.state = health !== 'healthy' ? health : fuse.state
    stats.untilMs = stats.state === 'fused' ? fuse.untilMs : 0
    if (stats.state === 'healthy') stats.why = ''
    else if (health === 'ejected') stats.why = 'control took it out for every proxy'
    else if (health === 'probing') stats.why = 'control lets it show itself with one request a second'
    else if (why !== '') stats.why = why
  }
}
