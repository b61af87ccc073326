import type { DataState } from '../../protocol/decision.ts'
import type { EndpointHealth } from '../../protocol/snapshot.ts'

/** How one service stands: what is to be in force at the proxies, and why. */
export interface Standing {
  service: string
  data: DataState
  /** Weights in force by version: to be published as they are. */
  weights: Map<string, number>
  /** Health in force by endpoint: to be published as it is. */
  health: Map<string, EndpointHealth>
  versions: Map<string, VersionStanding>
  endpoints: Map<string, EndpointStanding>
  slo: SloStanding[]
  /** Callers' proxies that are silent: what stands here was judged without them. */
  missing: string[]
}

export interface VersionStanding {
  /** What the file (or a person) asks for. */
  configured: number
  weight: number
  pinned: boolean
  /** full: has what was configured. held: at 0 until `waitMs` is over. returning: on its way back. */
  stage: 'full' | 'held' | 'returning'
  waitMs: number
  verdict: 'healthy' | 'breached' | 'inconclusive'
  reason: string
  /** Evidence (Shiryaev-Roberts R) that it fails, or is slow, more often than the other versions. */
  errorR: number
  slowR: number
  /** Last 60 s, as the callers saw it. */
  requests: number
  errors: number
  slow: number
}

export interface EndpointStanding {
  version: string
  health: EndpointHealth
  /** A person ejected it: it comes back by a person only. */
  manual: boolean
  /** Until an ejected endpoint is probed. */
  waitMs: number
  errorR: number
  /** Attempts of the last 15 s. */
  requests: number
  errors: number
  fusedBy: number
  knownBy: number
}

export interface SloStanding {
  kind: 'availability' | 'latency'
  /** Share of good requests that is asked for. */
  target: number
  windowMs: number
  /** Requests and bad ones within the window. */
  requests: number
  bad: number
  /** Share of the error budget that is left, 1..-inf. */
  budgetLeft: number
  /** At the pace of the last hour; undefined when nothing burns. */
  exhaustedInMs?: number
  /** Error ratio over (1 - target), by window: `5m`, `30m`, `1h`, ... */
  burn: Record<string, number>
  /** The first burn rule whose two windows both burn. */
  alert?: { severity: 'page' | 'ticket'; burn: number; longMs: number; shortMs: number }
}
