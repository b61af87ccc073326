import Type, { type Static } from 'typebox'
import { Identity } from './credentials.ts'
import { GatewayTls } from './gateway-tls.ts'
import { Intentions } from './intentions.ts'
import { OidcLogin } from './oidc.ts'
import { TextMatch } from './text-match.ts'

/**
 * Snapshot: what control tells a proxy, over GET /v1/snapshots as NDJSON.
 * First line: Hello. Then SnapshotLine: the first carries every section, later ones only the sections that changed (null: gone).
 * A line without sections is the heartbeat (at least one a second).
 */

const Name = Type.String({ minLength: 1, maxLength: 253 })
const Share = Type.Number({ minimum: 0, maximum: 1 })
const Milliseconds = Type.Number({ minimum: 0, maximum: 366 * 86_400_000 })
const Count = Type.Integer({ minimum: 0 })

export const RouteMatch = Type.Object({
  path: Type.Optional(Type.String()),
  pathPrefix: Type.Optional(Type.String()),
  pathRegex: Type.Optional(Type.String()),
  hosts: Type.Optional(Type.Array(Type.String())),
  methods: Type.Optional(Type.Array(Type.String())),
  headers: Type.Optional(Type.Record(Type.String(), TextMatch)),
  query: Type.Optional(Type.Record(Type.String(), TextMatch)),
})
export type RouteMatch = Static<typeof RouteMatch>

export const RetryCondition = Type.Union([
  Type.Literal('5xx'),
  Type.Literal('gateway-error'),
  Type.Literal('connect-failure'),
  Type.Literal('refused-stream'),
  Type.Literal('reset'),
  Type.Literal('retriable-status-codes'),
  // Of gRPC.
  Type.Literal('cancelled'),
  Type.Literal('deadline-exceeded'),
  Type.Literal('internal'),
  Type.Literal('resource-exhausted'),
  Type.Literal('unavailable'),
])
export type RetryCondition = Static<typeof RetryCondition>

export const Retries = Type.Object({
  /** Tries after the first one. 0 turns retries off. */
  attempts: Type.Integer({ minimum: 0, maximum: 10 }),
  on: Type.Array(RetryCondition),
  statusCodes: Type.Array(Type.Integer({ minimum: 100, maximum: 599 })),
  perTryTimeoutMs: Milliseconds,
  /** Retries in flight may be this share of active requests, and `budgetPerSecond` always. */
  budget: Share,
  budgetPerSecond: Count,
  backoffBaseMs: Milliseconds,
  backoffMaxMs: Milliseconds,
})
export type Retries = Static<typeof Retries>

/** One route. First match wins. `to` narrows the upstream to a version or names another service; without it the weights decide. */
export const Route = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 200 }),
  match: RouteMatch,
  to: Type.Optional(Type.Object({ service: Type.Optional(Name), version: Type.Optional(Name) })),
  rewrite: Type.Optional(Type.Object({ pathPrefix: Type.Optional(Type.String()), host: Type.Optional(Type.String()) })),
  timeoutMs: Type.Optional(Milliseconds),
  retries: Type.Optional(Retries),
})
export type Route = Static<typeof Route>

export const Limits = Type.Object({ maxConnections: Count, maxPending: Count, maxRequests: Count, maxRetries: Count })
export type Limits = Static<typeof Limits>

/** The local fuse of each proxy: `maxFailures` consecutive failures of one endpoint (within `intervalMs` of each other) take it out. */
export const PassiveHealthCheck = Type.Object({
  intervalMs: Milliseconds,
  maxFailures: Type.Integer({ minimum: 1 }),
  baseEjectionMs: Milliseconds,
  maxEjectionMs: Milliseconds,
  /** Share of a service's endpoints that may be out at once; the first is always allowed. */
  maxEjected: Share,
  /** Below this healthy share the fuse is ignored: a wrong verdict must not empty a service. */
  panicBelow: Share,
})
export type PassiveHealthCheck = Static<typeof PassiveHealthCheck>

export const BalancingPolicy = Type.Union([
  Type.Literal('round-robin'),
  Type.Literal('least-request'),
  Type.Literal('random'),
])
export type BalancingPolicy = Static<typeof BalancingPolicy>

export const Stickiness = Type.Object({ header: Type.Optional(Type.String()), cookie: Type.Optional(Type.String()) })
export type Stickiness = Static<typeof Stickiness>

/** `ejected`: control took it out for the whole fleet; `probing`: gets a trickle only, until it has shown itself. */
export const EndpointHealth = Type.Union([Type.Literal('healthy'), Type.Literal('ejected'), Type.Literal('probing')])
export type EndpointHealth = Static<typeof EndpointHealth>

export const Endpoint = Type.Object({
  /** Instance id; stable over reconnects. */
  id: Name,
  /** host:port of the instance's inbound listener, or of the thing itself outside the mesh. */
  address: Type.String({ minLength: 1, maxLength: 300 }),
  version: Name,
  health: EndpointHealth,
  zone: Type.Optional(Type.String()),
})
export type Endpoint = Static<typeof Endpoint>

export const UpstreamTls = Type.Object({
  serverName: Type.Optional(Type.String()),
  caPem: Type.Optional(Type.String()),
})

/** Section `upstream/<service>`. */
export const Upstream = Type.Object({
  service: Name,
  protocol: Type.Union([Type.Literal('http'), Type.Literal('http2'), Type.Literal('grpc'), Type.Literal('tcp')]),
  timeoutMs: Milliseconds,
  connectTimeoutMs: Milliseconds,
  idleTimeoutMs: Milliseconds,
  retries: Retries,
  limits: Limits,
  balancing: BalancingPolicy,
  stickiness: Type.Optional(Stickiness),
  passiveHealthCheck: Type.Optional(PassiveHealthCheck),
  routes: Type.Array(Route),
  /** Shares, need not add up to anything. All zero, or no version with endpoints: no healthy upstream. */
  versions: Type.Record(Type.String(), Type.Object({ weight: Type.Number({ minimum: 0 }) })),
  endpoints: Type.Array(Endpoint),
  /** In the mesh: the endpoint is another proxy. Outside: an address written by hand. */
  mesh: Type.Boolean(),
  /** In the mesh: the hop is mTLS, and the far end must prove this SPIFFE id. Absent: clear text. */
  peerSpiffeId: Type.Optional(Type.String()),
  /** Outside the mesh: TLS. */
  tls: Type.Optional(UpstreamTls),
})
export type Upstream = Static<typeof Upstream>

/** Section `listener`: who this proxy is and how it takes requests. */
export const Listener = Type.Object({
  mesh: Name,
  trustDomain: Name,
  service: Name,
  kind: Type.Union([Type.Literal('sidecar'), Type.Literal('gateway')]),
  protocol: Type.Union([Type.Literal('http'), Type.Literal('http2'), Type.Literal('grpc'), Type.Literal('tcp')]),
  /** Deadline, retries and limits toward its own application. */
  app: Type.Object({
    timeoutMs: Milliseconds,
    connectTimeoutMs: Milliseconds,
    idleTimeoutMs: Milliseconds,
    limits: Limits,
  }),
  /** Gateway only: routes from the outside to services. */
  routes: Type.Array(Route),
  /** Gateway only. */
  oidc: Type.Optional(OidcLogin),
  mtls: Type.Union([Type.Literal('strict'), Type.Literal('permissive'), Type.Literal('off')]),
  /** Gateway only: TLS toward users. Absent: clear text. */
  tls: Type.Optional(GatewayTls),
})
export type Listener = Static<typeof Listener>

/** Section `telemetry`. */
export const Telemetry = Type.Object({
  /** Share of new traces that is sampled. */
  sample: Share,
  /** Where spans go: a Zipkin v2 URL, usually the collector's. */
  spansUrl: Type.Optional(Type.String()),
  /** Base URL of the collector, for reports. */
  collectorUrl: Type.Optional(Type.String()),
  sharedSpanContext: Type.Boolean(),
  /** What a gateway does with trace context from outside. */
  outsideContext: Type.Union([Type.Literal('continue'), Type.Literal('restart')]),
})
export type Telemetry = Static<typeof Telemetry>

/** The value schema of a section by its name; sections of unknown names are kept aside unread. */
export const sectionSchemas = {
  listener: Listener,
  telemetry: Telemetry,
  identity: Identity,
  intentions: Intentions,
  upstream: Upstream,
} as const

export const SnapshotLine = Type.Object({
  epoch: Count,
  sections: Type.Optional(
    Type.Record(Type.String(), Type.Union([Type.Null(), Type.Object({ version: Count, value: Type.Unknown() })])),
  ),
})
export type SnapshotLine = Static<typeof SnapshotLine>

/** What a proxy says of itself when it opens the stream, as query parameters of GET /v1/snapshots. */
export const Registration = Type.Object({
  service: Name,
  version: Name,
  instance: Name,
  kind: Type.Union([Type.Literal('sidecar'), Type.Literal('gateway')]),
  /** host:port where other proxies reach it (sidecar), or where users do (gateway). */
  address: Type.String({ minLength: 1, maxLength: 300 }),
  /** host:port of its merged metrics, for Prometheus service discovery; and of its admin, for people. */
  metrics: Type.Optional(Type.String({ maxLength: 300 })),
  admin: Type.Optional(Type.String({ maxLength: 300 })),
  zone: Type.Optional(Type.String({ maxLength: 100 })),
})
export type Registration = Static<typeof Registration>
