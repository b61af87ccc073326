import type { Registry } from 'prom-client'
import type { Log } from '../../runtime/log.ts'
import type { Checks } from '../../runtime/ops.ts'
import type { ListenerStats } from '../accept/stats.ts'
import type { Question } from '../asked-exchange.ts'
import type { CallExplanation, CallQuestion } from '../authorize/explain.ts'
import type { Direction } from '../exchange.ts'
import type { Explanation } from '../route/explain.ts'
import type { Policy } from '../route/policy.ts'
import type { ClusterStats, EndpointStats } from '../send/stats.ts'

/** What the admin interface may look at, and the few things that it may change. */
export interface AdminView {
  node: { id: string; service: string; version: string; role: string }
  programVersion: string
  startedWallMs: number
  policy: () => Policy
  clusters: () => { stats: ClusterStats; endpoints: Iterable<EndpointStats> }[]
  listeners: () => ListenerView[]
  /** What is shown to others, of each kind; empty where nothing is. */
  certificates: () => CertificateView[]
  /** Asks for a new one now. */
  renewCertificate: () => Promise<{ ok: boolean; detail: string }>
  spansUrl: () => string | undefined
  registry: Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>
  checks: () => Checks
  explain: (question: Question) => Explanation
  /** Of a TCP connection to a service. */
  explainConnection: (service: string) => Explanation
  /** Of a call to the own application. */
  explainCall: (question: CallQuestion) => Promise<CallExplanation>
  log: Log
  /** LIVE, DRAINING or INITIALIZING, as Envoy's server_info says it. */
  state: () => 'LIVE' | 'DRAINING' | 'INITIALIZING'
  failHealth: (failed: boolean) => void
  drain: () => void
  quit: () => void
  clock: { wall(): number; now(): number }
}

/** Without its key: that is nobody's to look at. */
export interface CertificateView {
  /** `mesh`: this proxy's own in the mesh; `gateway`: shown to users. */
  use: 'mesh' | 'gateway'
  chainPem: string
  roots: readonly string[]
  /** Where it is kept, or `<inline>`. */
  path: string
  minVersion: string
  requireClientCertificate: boolean
}

export interface ListenerView {
  name: string
  address: string
  direction: Direction
  /** The one upstream that it is bound to, '' when it is not. */
  service: string
  /** TCP, not HTTP, as the policy in force has it. */
  carriesTcp: boolean
  stats: ListenerStats
}
