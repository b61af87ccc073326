import Type, { type Static } from 'typebox'
import { DataState, Decision } from '../../protocol/decision.ts'
import { EndpointHealth } from '../../protocol/snapshot.ts'

/** What GET /v1/status and each line of GET /v1/live say. Times in milliseconds, shares 0..1, null: nothing to tell. */

const Count = Type.Integer({ minimum: 0 })
const OrNull = Type.Union([Type.Number(), Type.Null()])

export const TrafficStatus = Type.Object({
  rps: Type.Number(),
  errorRate: Type.Number(),
  p50Ms: OrNull,
  p99Ms: OrNull,
  requests: Count,
  errors: Count,
  inFlight: Count,
})
export type TrafficStatus = Static<typeof TrafficStatus>

export const VersionStatus = Type.Object({
  version: Type.String(),
  /** What the file, or a person, asks for; and what is in force. */
  configured: Type.Number(),
  weight: Type.Number(),
  pinned: Type.Boolean(),
  stage: Type.Union([Type.Literal('full'), Type.Literal('held'), Type.Literal('returning')]),
  waitMs: Type.Number(),
  verdict: Type.Union([Type.Literal('healthy'), Type.Literal('breached'), Type.Literal('inconclusive')]),
  reason: Type.String(),
  endpoints: Count,
  /** The last few seconds, as the callers saw it. */
  traffic: TrafficStatus,
})
export type VersionStatus = Static<typeof VersionStatus>

export const EndpointStatus = Type.Object({
  id: Type.String(),
  address: Type.String(),
  version: Type.String(),
  health: EndpointHealth,
  /** A person ejected it. */
  manual: Type.Boolean(),
  waitMs: Type.Number(),
  /** Attempts of the last 15 s. */
  requests: Count,
  errors: Count,
  /** How many proxies hold it out by their local fuse, of how many that know it. */
  fusedBy: Count,
  knownBy: Count,
  /** Its proxy's stream is open; true for an address outside the mesh. */
  connected: Type.Boolean(),
})
export type EndpointStatus = Static<typeof EndpointStatus>

export const SloStatus = Type.Object({
  kind: Type.Union([Type.Literal('availability'), Type.Literal('latency')]),
  target: Type.Number(),
  windowMs: Type.Number(),
  requests: Type.Number(),
  bad: Type.Number(),
  budgetLeft: Type.Number(),
  exhaustedInMs: OrNull,
  burn: Type.Record(Type.String(), Type.Number()),
  alert: Type.Union([
    Type.Null(),
    Type.Object({
      severity: Type.Union([Type.Literal('page'), Type.Literal('ticket')]),
      burn: Type.Number(),
      longMs: Type.Number(),
      shortMs: Type.Number(),
    }),
  ]),
})
export type SloStatus = Static<typeof SloStatus>

const LastDecision = Type.Union([Decision, Type.Null()])

export const ServiceStatus = Type.Object({
  service: Type.String(),
  protocol: Type.String(),
  outside: Type.Boolean(),
  shift: Type.String(),
  data: DataState,
  traffic: TrafficStatus,
  versions: Type.Array(VersionStatus),
  endpoints: Type.Array(EndpointStatus),
  slo: Type.Array(SloStatus),
  /** Silent proxies of callers: what stands here was judged without them. */
  missing: Type.Array(Type.String()),
  lastDecision: LastDecision,
})
export type ServiceStatus = Static<typeof ServiceStatus>

/** in-step: has what it was sent. behind: not for over two seconds. away: its stream ended, the grace runs. silent: no reports. */
export const ProxyState = Type.Union([
  Type.Literal('in-step'),
  Type.Literal('behind'),
  Type.Literal('refused'),
  Type.Literal('silent'),
  Type.Literal('away'),
])
export type ProxyState = Static<typeof ProxyState>

export const ProxyStatus = Type.Object({
  instance: Type.String(),
  service: Type.String(),
  version: Type.String(),
  kind: Type.String(),
  address: Type.String(),
  metrics: Type.Union([Type.String(), Type.Null()]),
  admin: Type.Union([Type.String(), Type.Null()]),
  zone: Type.Union([Type.String(), Type.Null()]),
  state: ProxyState,
  /** What it was last sent, and what it says it has. */
  sentEpoch: OrNull,
  epoch: OrNull,
  refusal: Type.Union([Type.String(), Type.Null()]),
  since: Type.String(),
})
export type ProxyStatus = Static<typeof ProxyStatus>

export const ConfigStatus = Type.Object({
  file: Type.String(),
  /** What the file as it stands now is refused for; the one before is in force. Empty: the file is in force. */
  problems: Type.Array(Type.String()),
  warnings: Type.Array(Type.String()),
})
export type ConfigStatus = Static<typeof ConfigStatus>

export const Status = Type.Object({
  mesh: Type.String(),
  /** Wall clock of control. */
  time: Type.String(),
  epoch: Count,
  data: DataState,
  collectors: Type.Array(
    Type.Object({ url: Type.String(), connected: Type.Boolean(), problem: Type.Union([Type.String(), Type.Null()]) }),
  ),
  config: ConfigStatus,
  services: Type.Array(ServiceStatus),
  gateways: Type.Array(Type.Object({ gateway: Type.String(), listen: Type.String(), proxies: Count })),
  /** Who calls whom, over the last few seconds. */
  calls: Type.Array(Type.Object({ source: Type.String(), upstream: Type.String(), traffic: TrafficStatus })),
  proxies: Type.Object({
    known: Count,
    byState: Type.Record(Type.String(), Count),
    /** Those that are not in step, at most 50. */
    notInStep: Type.Array(ProxyStatus),
  }),
  /** Certificates of proxies that are valid, soonest to end first, at most 50. */
  certificates: Type.Array(
    Type.Object({ service: Type.String(), instance: Type.Union([Type.String(), Type.Null()]), until: Type.String() }),
  ),
  lastDecision: LastDecision,
})
export type Status = Static<typeof Status>
