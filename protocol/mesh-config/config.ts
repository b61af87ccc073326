import type { GatewayTls } from '../gateway-tls.ts'
import type { OidcLogin } from '../oidc.ts'
import type { BalancingPolicy, Limits, PassiveHealthCheck, Retries, Route, Stickiness } from '../snapshot.ts'
import type { TextMatch } from '../text-match.ts'

/**
 * The mesh in force: mesh.yaml with every default applied, times in milliseconds, shares as 0..1, names lower case.
 * What a person writes is in schema.ts; read.ts turns the one into the other. Maps, not records, where names are free:
 * `constructor` is a valid service name.
 */
export type MeshConfig = {
  mesh: string
  /** Of the SPIFFE ids; `<mesh>.mesh` unless written. */
  trustDomain: string
  telemetry: TelemetryConfig
  /** What happens to a request that no rule fits. */
  intentionsDefault: 'allow' | 'deny'
  /** Rules that stand apart from a service, as written; those of a service are its own `allow` and `deny`. */
  intentionRules: MeshRule[]
  jwt: ReadonlyMap<string, JwtConfig>
  services: ReadonlyMap<string, ServiceConfig>
  gateways: ReadonlyMap<string, GatewayConfig>
}

export type TelemetryConfig = {
  /** Share of traces that arrive without a decision and are sampled. */
  sample: number
  /** Where the collector ships spans, absent: nowhere. */
  jaegerUrl?: string
  /** A ClickHouse server, absent: the one in process. */
  clickhouseUrl?: string
  sharedSpanContext: boolean
  outsideContext: 'continue' | 'restart'
}

type MtlsMode = 'strict' | 'permissive' | 'off'

export type ServiceConfig = {
  name: string
  protocol: 'http' | 'http2' | 'grpc' | 'tcp'
  /** Standing weights by version, shares of their sum. Empty: every version that registers gets the same. */
  versions: ReadonlyMap<string, { weight: number }>
  /** First match wins. Names are unique within the service. */
  routes: Route[]
  balancing: BalancingPolicy
  stickiness?: Stickiness
  timeoutMs: number
  connectTimeoutMs: number
  idleTimeoutMs: number
  /** `attempts: 0` is `retries: off`. */
  retries: Retries
  limits: Limits
  /** The local fuse of each proxy; absent: off. */
  passiveHealthCheck?: PassiveHealthCheck
  /** Ejection for the whole fleet by control; absent: off. */
  outlier?: OutlierConfig
  slo?: SloConfig
  shift: ShiftConfig
  mtls: MtlsMode
  /** Who may call. Under intentionsDefault `deny`, without any rule nobody may. Outside the mesh: whose proxies hear of the service. */
  allow: IntentionRule[]
  deny: IntentionRule[]
  /** Present: the service lives outside the mesh, at these host:port addresses. */
  outside?: OutsideConfig
}

export type OutsideConfig = {
  /** At least one; host:port, IPv6 in brackets. */
  endpoints: string[]
  /** Present: TLS toward them. `caFile` is as written; control reads it, relative to the mesh file. */
  tls?: { serverName?: string; caFile?: string }
}

export type OutlierConfig = {
  baseEjectionMs: number
  maxEjectionMs: number
  /** Share of a service's endpoints that may be out at once; the first is always allowed. */
  maxEjected: number
}

/** At least one of the two objectives stands. */
export type SloConfig = {
  /** Share of requests that must be good, 0 < availability < 1. */
  availability?: number
  /** `share` of requests must be answered in less than `underMs`, 0 < share < 1. */
  latency?: { underMs: number; share: number }
  windowMs: number
}

export type ShiftConfig = {
  /** dry-run: decisions are written and nothing moves. */
  mode: 'automatic' | 'dry-run' | 'off'
  /** How long a version that was shifted away stays at 0 before it gets a trickle. */
  holdForMs: number
  /** Over what time its weight then ramps back to the standing one. */
  returnOverMs: number
  /** On the way back, the most that a service's weights may move within a minute, as a share of their sum; above 0. Leaving is not bound. */
  maxChangePerMinute: number
}

/** A rule fits when its every written part does; which of those that fit decides is said in protocol/intentions.ts. */
export type IntentionRule = {
  /** `expense allow 1`, or as written. Unique in the mesh. */
  name: string
  action: 'allow' | 'deny'
  /** As written: a service, a gateway, `gateway` (any gateway), `*`, or a SPIFFE id. */
  from: string
  /** `from` spelled out as names of services and gateways, or `*`: everybody; empty for a SPIFFE id. */
  sources: '*' | string[]
  /** `from` when it is a SPIFFE id; a final `*` stands for whatever follows. */
  spiffe?: string
  /** Upper case; empty: every method. */
  methods: string[]
  /** At most one of the three; none: every path. As they stand in a request: what is not ASCII is percent-encoded. */
  path?: string
  pathPrefix?: string
  pathRegex?: string
  /** Names in lower case. */
  headers?: Record<string, TextMatch>
  jwt?: { provider: string; claims: Record<string, TextMatch> }
  /** Only counts. */
  dryRun: boolean
}

/** A rule over services. */
export type MeshRule = IntentionRule & {
  /** A service, or `*`: every one. */
  to: string
}

export type JwtConfig = {
  issuer: string
  audiences: string[]
  /** `file` is as written; control reads it, relative to the mesh file. */
  jwks: { file: string } | { url: string }
  clockSkewMs: number
  /** Lower case. */
  header: string
  /** Claim -> header, lower case. */
  forward: ReadonlyMap<string, string>
}

export type GatewayConfig = {
  name: string
  /** host:port; port 0 takes any free one. */
  listen: string
  /** First match wins; `to.service` stands in each. */
  routes: Route[]
  /** TLS toward users; absent: clear text. */
  tls?: GatewayTls
  /** Absent: nobody has to log in. */
  oidc?: OidcLogin
}
