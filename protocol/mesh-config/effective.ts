import { stringify } from 'yaml'
import type { GatewayTls } from '../gateway-tls.ts'
import type { PassiveHealthCheck, Retries, Route, RouteMatch } from '../snapshot.ts'
import type { GatewayConfig, MeshConfig, OutlierConfig, ServiceConfig, SloConfig } from './config.ts'
import { writtenJwt, writtenMeshRule, writtenOidc, writtenRule, writtenTexts } from './effective-intentions.ts'
import { formatDuration, formatShare } from './units.ts'

/**
 * The config in force as a mesh file that says everything: no `defaults`, every field of every service. Read back, it gives the same
 * config, save for passwords in URLs, which are never printed.
 */
export function formatEffective(config: MeshConfig): string {
  const { telemetry } = config
  const whole = {
    mesh: config.mesh,
    trustDomain: config.trustDomain,
    telemetry: {
      sample: formatShare(telemetry.sample),
      jaeger: withoutPassword(telemetry.jaegerUrl),
      clickhouse: withoutPassword(telemetry.clickhouseUrl),
      sharedSpanContext: telemetry.sharedSpanContext,
      outsideContext: telemetry.outsideContext,
    },
    intentions: { default: config.intentionsDefault, rules: config.intentionRules.map(writtenMeshRule) },
    jwt: mapped(config.jwt, writtenJwt),
    services: mapped(config.services, writtenService),
    gateways: mapped(config.gateways, writtenGateway),
  }
  return stringify(whole, { lineWidth: 0, aliasDuplicateObjects: false, keepUndefined: false })
}

function mapped<T, W>(map: ReadonlyMap<string, T>, write: (value: T) => W): Map<string, W> {
  return new Map([...map].map(([name, value]) => [name, write(value)]))
}

function withoutPassword(url: string | undefined): string | undefined {
  if (url === undefined) return undefined
  const parsed = new URL(url)
  if (parsed.password === '') return url
  parsed.password = '***'
  return parsed.href
}

function writtenService(service: ServiceConfig) {
  const { outside, shift } = service
  return {
    protocol: service.protocol,
    versions: outside === undefined ? service.versions : undefined,
    endpoints: outside?.endpoints,
    tls: outside?.tls,
    routes: service.routes.map(writtenRoute),
    loadBalancing: { policy: service.balancing, stickiness: service.stickiness },
    timeout: formatDuration(service.timeoutMs),
    connectTimeout: formatDuration(service.connectTimeoutMs),
    idleTimeout: formatDuration(service.idleTimeoutMs),
    retries: writtenRetries(service.retries),
    limits: service.limits,
    passiveHealthCheck: service.passiveHealthCheck === undefined ? 'off' : writtenFuse(service.passiveHealthCheck),
    outlier: service.outlier === undefined ? 'off' : writtenEjection(service.outlier),
    slo: service.slo === undefined ? undefined : writtenSlo(service.slo),
    shift: {
      mode: shift.mode,
      holdFor: formatDuration(shift.holdForMs),
      returnOver: formatDuration(shift.returnOverMs),
      maxChangePerMinute: formatShare(shift.maxChangePerMinute),
    },
    mtls: service.mtls,
    allow: service.allow.map(writtenRule),
    deny: service.deny.map(writtenRule),
  }
}

function writtenGateway({ listen, routes, tls, oidc }: GatewayConfig) {
  return { listen, routes: routes.map(writtenRoute), tls: tls && writtenTls(tls), oidc: oidc && writtenOidc(oidc) }
}

function writtenTls({ requireClientCertificate, ...tls }: GatewayTls) {
  return { ...tls, require: requireClientCertificate }
}

function writtenRoute({ name, match, to, rewrite, timeoutMs, retries }: Route) {
  return {
    name,
    match: Object.keys(match).length === 0 ? undefined : writtenMatch(match),
    to,
    rewrite,
    timeout: timeoutMs === undefined ? undefined : formatDuration(timeoutMs),
    retries: retries === undefined ? undefined : writtenRetries(retries),
  }
}

function writtenMatch(match: RouteMatch) {
  return { ...match, headers: writtenTexts(match.headers), query: writtenTexts(match.query) }
}

function writtenRetries(retries: Retries) {
  return {
    attempts: retries.attempts,
    on: retries.on,
    statusCodes: retries.statusCodes,
    perTryTimeout: formatDuration(retries.perTryTimeoutMs),
    budget: formatShare(retries.budget),
    budgetPerSecond: retries.budgetPerSecond,
    backoffBase: formatDuration(retries.backoffBaseMs),
    backoffMax: formatDuration(retries.backoffMaxMs),
  }
}

function writtenEjection({ baseEjectionMs, maxEjectionMs, maxEjected }: OutlierConfig) {
  return {
    baseEjection: formatDuration(baseEjectionMs),
    maxEjection: formatDuration(maxEjectionMs),
    maxEjected: formatShare(maxEjected),
  }
}

function writtenFuse(fuse: PassiveHealthCheck) {
  return {
    interval: formatDuration(fuse.intervalMs),
    maxFailures: fuse.maxFailures,
    ...writtenEjection(fuse),
    panicBelow: formatShare(fuse.panicBelow),
  }
}

function writtenSlo({ availability, latency, windowMs }: SloConfig) {
  return {
    availability: availability === undefined ? undefined : formatShare(availability),
    latency:
      latency === undefined ? undefined : { under: formatDuration(latency.underMs), share: formatShare(latency.share) },
    window: formatDuration(windowMs),
  }
}
