// Hot path: one try at one endpoint, of a request or of a TCP connection: what it counts, and what it shows of its endpoint.
import type { Attempt } from '../exchange.ts'
import type { Failure } from '../failures.ts'
import type { Cluster } from './cluster.ts'
import type { Endpoint } from './endpoint.ts'

/** What is being carried, and is told where to. */
interface Traveller {
  endpointId: string
  endpointAddress: string
  version: string
  attempts: number
}

/**
 * Picks whom the next try goes to: within `version`, or elsewhere where it is not pinned, leaving out who was `tried` as long as there is
 * another. undefined: no endpoint may be used. What comes of it is begun, or released.
 */
export function pickTry(
  cluster: Cluster,
  version: string,
  pinned: boolean,
  tried: readonly Endpoint[],
  nowMs: number,
): Try | undefined {
  const { membership, context } = cluster
  const endpoint = membership.pick(version, pinned, tried, nowMs, context.random)
  return endpoint === undefined ? undefined : new Try(cluster, endpoint, membership.pickedProbe, nowMs)
}

export class Try {
  readonly endpoint: Endpoint
  /** The endpoint is to show by it whether it is well again. */
  readonly isProbe: boolean
  /** Monotonic. */
  readonly startedMs: number
  /** Of a call of gRPC, as far as it is known; -1: none came yet. */
  grpcStatus = -1
  readonly #cluster: Cluster
  #judged = false

  constructor(cluster: Cluster, endpoint: Endpoint, isProbe: boolean, nowMs: number) {
    this.#cluster = cluster
    this.endpoint = endpoint
    this.isProbe = isProbe
    this.startedMs = nowMs
  }

  /** Version and address, for people. */
  get where(): string {
    const { version, address } = this.endpoint
    return `${this.#cluster.name} ${version} at ${address}`
  }

  /** It sets out. Ends by `putOff` or `end`. */
  begin(traveller: Traveller): void {
    const { endpoint } = this
    const { stats } = this.#cluster
    traveller.endpointId = endpoint.id
    traveller.endpointAddress = endpoint.address
    traveller.version = endpoint.version
    traveller.attempts++
    stats.rqTotal++
    stats.rqActive++
    endpoint.stats.rqTotal++
    endpoint.stats.rqActive++
  }

  /** Nothing was tried after all. */
  putOff(traveller: Traveller): void {
    traveller.attempts--
    this.#cluster.stats.rqTotal--
    this.endpoint.stats.rqTotal--
    this.#letGo()
  }

  /** It has shown something about its endpoint: `why` it failed, '' when it did not. The first word counts. */
  judge(why: string, nowMs: number): void {
    if (this.#judged) return
    this.#judged = true
    this.#cluster.judge(this.endpoint, why, this.isProbe, nowMs)
  }

  /** It failed in the end, however well it looked. */
  judgeFailed(why: string, nowMs: number): void {
    this.#judged = true
    this.#cluster.judge(this.endpoint, why, this.isProbe, nowMs)
  }

  /** It is over. `status`: of its answer, 0 where there was none, or none of HTTP. */
  end(status: number): void {
    const { stats } = this.#cluster
    stats.rqCompleted++
    if (status >= 100 && status < 600) {
      stats.rqByStatus[status]!++
      stats.rqByClass[Math.floor(status / 100) - 1]!++
    }
    this.#letGo()
  }

  #letGo(): void {
    this.endpoint.stats.rqActive--
    this.#cluster.stats.rqActive--
    this.release()
  }

  /** Whoever comes next may be the probe, if this one has shown nothing. */
  release(): void {
    if (this.isProbe && !this.#judged) this.endpoint.fuse.probing = false
  }

  /** What observers are told of it. `status` 0: no answer came. */
  attempt(status: number, failure: Failure | undefined, durationMs: number): Attempt {
    const { endpoint, grpcStatus, startedMs } = this
    return {
      endpointId: endpoint.id,
      endpointAddress: endpoint.address,
      version: endpoint.version,
      status,
      grpcStatus,
      failure,
      startedMs,
      durationMs,
    }
  }
}
