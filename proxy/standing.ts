import type { Limits, Listener, Retries, SnapshotLine, Telemetry, Upstream } from '../protocol/snapshot.ts'
import { formatAddress } from '../runtime/address.ts'
import type { ProxySettings } from './config.ts'
import { APP } from './exchange.ts'
import type { Role } from './role.ts'

/** What the proxy goes by before, or without, control's word. */

const noLimits: Limits = { maxConnections: 10_000, maxPending: 10_000, maxRequests: 100_000, maxRetries: 100 }
const noRetries: Retries = {
  attempts: 0,
  on: [],
  statusCodes: [],
  perTryTimeoutMs: 0,
  budget: 0,
  budgetPerSecond: 0,
  backoffBaseMs: 25,
  backoffMaxMs: 250,
}
const aloneRetries: Retries = {
  attempts: 2,
  on: ['connect-failure', 'gateway-error', 'reset'],
  statusCodes: [],
  perTryTimeoutMs: 0,
  budget: 0.2,
  budgetPerSecond: 10,
  backoffBaseMs: 25,
  backoffMaxMs: 250,
}
const aloneFuse = {
  intervalMs: 10_000,
  maxFailures: 5,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjected: 0.5,
  panicBelow: 0.5,
}

/** Envoy's, of connections through which nothing passes. */
const TCP_IDLE_TIMEOUT_MS = 3_600_000

/** The name of the one upstream of a proxy that stands alone. */
export const ALONE_UPSTREAM = 'upstream'

/** The application as an upstream of its own proxy: one endpoint, nothing retried, limits from the listener section. */
function appUpstream(role: Role, listener: Listener | undefined): Upstream | undefined {
  if (role.kind !== 'sidecar') return undefined
  const app = listener?.app ?? { timeoutMs: 15_000, connectTimeoutMs: 1000, idleTimeoutMs: 60_000, limits: noLimits }
  const address = formatAddress(role.app)
  return {
    service: APP,
    protocol: listener?.protocol ?? 'http',
    timeoutMs: app.timeoutMs,
    connectTimeoutMs: app.connectTimeoutMs,
    idleTimeoutMs: app.idleTimeoutMs,
    retries: noRetries,
    limits: app.limits,
    balancing: 'round-robin',
    routes: [],
    versions: { app: { weight: 1 } },
    endpoints: [{ id: 'app', address, version: 'app', health: 'healthy' }],
    mesh: false,
  }
}

/** Every upstream that send/ is to know: those of the policy, and the own application. */
export function upstreamsOf(
  role: Role,
  listener: Listener | undefined,
  upstreams: ReadonlyMap<string, { upstream: Upstream }>,
): Map<string, Upstream> {
  const all = new Map([...upstreams].map(([service, { upstream }]) => [service, upstream]))
  const app = appUpstream(role, listener)
  return app === undefined ? all : all.set(APP, app)
}

/** The snapshot of a proxy that stands alone, made from its flags. */
export function aloneSnapshot(role: Extract<Role, { kind: 'alone' }>, settings: ProxySettings): SnapshotLine {
  const upstream: Upstream = {
    service: ALONE_UPSTREAM,
    protocol: role.to.protocol,
    timeoutMs: settings.timeout,
    connectTimeoutMs: 1000,
    idleTimeoutMs: role.to.protocol === 'tcp' ? TCP_IDLE_TIMEOUT_MS : 60_000,
    retries: aloneRetries,
    limits: noLimits,
    balancing: 'least-request',
    ...(settings.outlier === 'on' ? { passiveHealthCheck: aloneFuse } : {}),
    routes: [],
    versions: { [settings.version]: { weight: 1 } },
    endpoints: [{ id: role.to.address, address: role.to.address, version: settings.version, health: 'healthy' }],
    mesh: false,
    ...(role.to.tls ? { tls: {} } : {}),
  }
  const telemetry: Telemetry = {
    sample: settings.sample,
    ...(settings.zipkin === undefined ? {} : { spansUrl: settings.zipkin }),
    ...(settings.collector === undefined ? {} : { collectorUrl: settings.collector }),
    sharedSpanContext: false,
    outsideContext: 'continue',
  }
  return {
    epoch: 0,
    sections: {
      telemetry: { version: 0, value: telemetry },
      [`upstream/${ALONE_UPSTREAM}`]: { version: 0, value: upstream },
    },
  }
}
