import type { Upstream } from '../../protocol/snapshot.ts'
import { choose, type Turn } from './balance.ts'
import { Endpoint } from './endpoint.ts'
import { newFuse } from './fuse.ts'

/** At most this often an endpoint on probation (by control's word) gets a request from this proxy. */
const PROBE_PERIOD_MS = 1000

/** The endpoints of one version, sorted by what they may get. Rebuilt when something changes, so that a pick looks at nothing twice. */
interface VersionGroup {
  weight: number
  usable: Endpoint[]
  /** Half-open ones and those on probation: one request at a time. */
  probes: Endpoint[]
  turn: Turn
}

/** Who belongs to a cluster, and which of them the next request goes to. */
export class Membership {
  readonly endpoints = new Map<string, Endpoint>()
  panic = false
  healthy = 0
  /** Whether the endpoint last picked is to show itself by this request. */
  pickedProbe = false
  #groups = new Map<string, VersionGroup>()
  #upstream: Upstream

  constructor(upstream: Upstream) {
    this.#upstream = upstream
    this.replace(upstream)
  }

  /** Takes a new policy. Returns the endpoints that are gone by it; those that stay keep their connections and their fuse. */
  replace(upstream: Upstream): Endpoint[] {
    this.#upstream = upstream
    const gone: Endpoint[] = []
    const left = new Map(this.endpoints)
    this.endpoints.clear()
    for (const config of upstream.endpoints) {
      const known = left.get(config.id)
      left.delete(config.id)
      if (known !== undefined && known.address === config.address) {
        known.version = config.version
        known.health = config.health
        this.endpoints.set(config.id, known)
      } else {
        if (known !== undefined) gone.push(known)
        this.endpoints.set(config.id, new Endpoint(config))
      }
    }
    for (const endpoint of left.values()) gone.push(endpoint)
    for (const endpoint of gone) endpoint.gone = true
    if (upstream.passiveHealthCheck === undefined)
      for (const endpoint of this.endpoints.values()) endpoint.fuse = newFuse()
    this.sort()
    return gone
  }

  /** Sorts the endpoints anew; to be called whenever one changed its state. `why` is told of endpoints that are not healthy. */
  sort(): void {
    const total = this.endpoints.size
    this.healthy = 0
    let reachable = 0
    for (const endpoint of this.endpoints.values()) {
      endpoint.tell('')
      if (endpoint.usable) this.healthy++
      if (endpoint.health !== 'ejected') reachable++
    }
    this.panic = total > 0 && (reachable === 0 || this.#tooFewHealthy())
    const before = this.#groups
    this.#groups = new Map()
    for (const endpoint of this.endpoints.values()) this.#enter(endpoint, reachable === 0, before)
  }

  /**
   * Of those that requests can go to: healthy hosts of versions without weight are no comfort. Counted with them, a fuse could hold out the
   * only host that is left while nothing else may be used.
   */
  #tooFewHealthy(): boolean {
    const weighted = [...this.endpoints.values()].filter(
      ({ version }) => (this.#upstream.versions[version]?.weight ?? 0) > 0,
    )
    const counted = weighted.length > 0 ? weighted : [...this.endpoints.values()]
    const healthy = counted.filter(endpoint => endpoint.usable).length
    return healthy / counted.length < (this.#upstream.passiveHealthCheck?.panicBelow ?? 0)
  }

  #enter(endpoint: Endpoint, allEjected: boolean, before: ReadonlyMap<string, VersionGroup>): void {
    const { version } = endpoint
    let group = this.#groups.get(version)
    if (group === undefined) {
      const weight = this.#upstream.versions[version]?.weight ?? 0
      group = { weight, usable: [], probes: [], turn: before.get(version)?.turn ?? { next: 0 } }
      this.#groups.set(version, group)
    }
    const inPanic = this.panic && (allEjected || endpoint.health !== 'ejected')
    if (endpoint.usable || inPanic) group.usable.push(endpoint)
    else if (endpoint.health === 'probing' || (endpoint.health === 'healthy' && endpoint.fuse.state === 'half-open'))
      group.probes.push(endpoint)
    // In panic a half-open endpoint takes its share and shows itself by the way.
    if (inPanic && !endpoint.usable && endpoint.fuse.state === 'half-open') group.probes.push(endpoint)
  }

  /**
   * The endpoint for a try, or undefined when no endpoint may be used. Within `version` first; when it has none and is not pinned, from the
   * other versions that have a weight, by that weight. `tried` are left out for as long as another is there.
   */
  pick(
    version: string,
    pinned: boolean,
    tried: readonly Endpoint[],
    nowMs: number,
    random: () => number,
  ): Endpoint | undefined {
    this.pickedProbe = false
    const group = this.#groups.get(version)
    if (group !== undefined) {
      const probe = group.probes.length === 0 ? undefined : dueProbe(group, tried, nowMs)
      this.pickedProbe = probe !== undefined
      const found = probe ?? this.#chooseFrom(group, tried, random)
      if (found !== undefined) return found
    }
    const other = pinned ? undefined : this.#pickElsewhere(version, tried, random)
    if (other !== undefined || tried.length === 0) return other
    // None but those already tried is left.
    return this.pick(version, pinned, [], nowMs, random)
  }

  #pickElsewhere(version: string, tried: readonly Endpoint[], random: () => number): Endpoint | undefined {
    const others: VersionGroup[] = []
    let sum = 0
    for (const [name, group] of this.#groups) {
      if (name === version || group.weight <= 0 || !group.usable.some(endpoint => !tried.includes(endpoint))) continue
      others.push(group)
      sum += group.weight
    }
    let left = random() * sum
    for (const group of others) {
      left -= group.weight
      if (left < 0) return this.#chooseFrom(group, tried, random)
    }
    return undefined
  }

  #chooseFrom(group: VersionGroup, tried: readonly Endpoint[], random: () => number): Endpoint | undefined {
    const list = tried.length === 0 ? group.usable : group.usable.filter(endpoint => !tried.includes(endpoint))
    return list.length === 0 ? undefined : choose(this.#upstream.balancing, list, group.turn, random)
  }
}

function dueProbe(group: VersionGroup, tried: readonly Endpoint[], nowMs: number): Endpoint | undefined {
  for (const endpoint of group.probes) {
    if (tried.includes(endpoint)) continue
    if (endpoint.health === 'probing') {
      if (nowMs < endpoint.nextProbeMs) continue
      endpoint.nextProbeMs = nowMs + PROBE_PERIOD_MS
      return endpoint
    }
    if (endpoint.fuse.probing) continue
    endpoint.fuse.probing = true
    return endpoint
  }
  return undefined
}
