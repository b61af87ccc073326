import type { GatewayTls } from '../gateway-tls.ts'
import type { GatewayConfig, MeshConfig, OutsideConfig, ServiceConfig, TelemetryConfig } from './config.ts'
import { filled, layered } from './defaults.ts'
import { resolveJwt, resolveMeshRules, resolveRules } from './resolve-intentions.ts'
import { resolveOidc } from './resolve-oidc.ts'
import { orOff, resolveEjection, resolveFuse, resolveShift, resolveSlo, resolveTelemetry } from './resolve-policy.ts'
import { resolveRetries, resolveRoutes } from './resolve-route.ts'
import { asOfTcp } from './resolve-tcp.ts'
import { known, milliseconds } from './resolve-values.ts'
import { type MeshFile, meshField, type PolicyWritten, type ServiceWritten, serviceField } from './schema.ts'
import { type GatewayTlsWritten, gatewayTlsField } from './schema-gateway.ts'
import { formatAddress, parseAddress } from './units.ts'

/** From a file without problems to the config in force: layers, defaults, numbers. Throws only on a file that was not checked. */
export function resolve(file: MeshFile): MeshConfig {
  const defaults = withShiftBlock(file.defaults ?? {})
  const written = new Map(
    Object.entries(file.services ?? {}).map(([name, service]) => [name, beneath(defaults, service)]),
  )
  const retriesOf = (service: string) => written.get(service)?.retries
  const gateways = Object.entries(file.gateways ?? {}).map(([name, gateway]): [string, GatewayConfig] => {
    const routes = resolveRoutes(gateway.routes ?? [], name, undefined, retriesOf)
    const tls = gateway.tls === undefined ? {} : { tls: resolveGatewayTls(gateway.tls) }
    const login = gateway.oidc === undefined ? {} : { oidc: resolveOidc(gateway.oidc) }
    return [name, { name, listen: address(gateway.listen), routes, ...tls, ...login }]
  })
  const gatewayNames = gateways.map(([name]) => name)
  const services = [...written].map(([name, service]): [string, ServiceConfig] => [
    name,
    resolveService(name, service, retriesOf, gatewayNames),
  ])
  const { telemetry: said, intentions, jwt } = file
  const whole = filled(meshField, { telemetry: said, intentions, jwt }) as Partial<MeshFile>
  const telemetry: TelemetryConfig = resolveTelemetry(whole.telemetry ?? {})
  return {
    mesh: file.mesh,
    trustDomain: file.trustDomain ?? `${file.mesh}.mesh`,
    telemetry,
    intentionsDefault: known(whole.intentions?.default),
    intentionRules: resolveMeshRules(whole.intentions?.rules ?? [], gatewayNames),
    jwt: resolveJwt(whole.jwt ?? {}),
    services: new Map(services),
    gateways: new Map(gateways),
  }
}

function resolveGatewayTls(written: GatewayTlsWritten): GatewayTls {
  const { certificates, clientCaFile, minVersion, require } = filled(gatewayTlsField, written) as GatewayTlsWritten
  return {
    minVersion: known(minVersion),
    certificates: certificates.map(({ certFile, keyFile, hosts = [] }) => ({ certFile, keyFile, hosts })),
    ...(clientCaFile === undefined ? {} : { clientCaFile }),
    requireClientCertificate: known(require),
  }
}

/** The service on top of the file's defaults, as written. */
function beneath(defaults: PolicyWritten, service: ServiceWritten): ServiceWritten {
  return layered(serviceField, defaults, withShiftBlock(service)) as ServiceWritten
}

/** `shift: off` says the mode alone: the way back still comes from the layer below. */
function withShiftBlock<T extends PolicyWritten>(layer: T): T {
  return typeof layer.shift === 'string' ? { ...layer, shift: { mode: layer.shift } } : layer
}

function resolveService(
  name: string,
  written: ServiceWritten,
  retriesOf: (service: string) => ServiceWritten['retries'],
  gateways: string[],
): ServiceConfig {
  // Routes are left out here: what they do not say of retries comes from the service, not from the schema.
  const { routes = [], ...rest } = written
  const whole = filled(serviceField, rest.protocol === 'tcp' ? asOfTcp(rest) : rest) as ServiceWritten
  const versions = Object.entries(whole.versions ?? {}).map(
    ([version, { weight }]) => [version, { weight: known(weight) }] as const,
  )
  const fuse = orOff(whole.passiveHealthCheck, resolveFuse)
  const outlier = orOff(whole.outlier, resolveEjection)
  const slo = resolveSlo(whole.slo)
  const stickiness = whole.loadBalancing?.stickiness
  return {
    name,
    protocol: known(whole.protocol),
    versions: new Map(versions),
    routes: resolveRoutes(routes, name, name, retriesOf),
    balancing: known(whole.loadBalancing?.policy),
    ...(stickiness === undefined ? {} : { stickiness: lowerHeader(stickiness) }),
    timeoutMs: milliseconds(whole.timeout),
    connectTimeoutMs: milliseconds(whole.connectTimeout),
    idleTimeoutMs: milliseconds(whole.idleTimeout),
    retries: resolveRetries(whole.retries),
    limits: resolveLimits(whole.limits),
    ...(fuse === undefined ? {} : { passiveHealthCheck: fuse }),
    ...(outlier === undefined ? {} : { outlier }),
    ...(slo === undefined ? {} : { slo }),
    shift: resolveShift(whole.shift),
    mtls: known(whole.mtls),
    allow: resolveRules(whole.allow ?? [], 'allow', name, gateways),
    deny: resolveRules(whole.deny ?? [], 'deny', name, gateways),
    ...(whole.endpoints === undefined ? {} : { outside: resolveOutside(whole.endpoints, whole.tls) }),
  }
}

function lowerHeader(stickiness: { header?: string; cookie?: string }): { header?: string; cookie?: string } {
  return stickiness.header === undefined ? stickiness : { header: stickiness.header.toLowerCase() }
}

function resolveLimits(limits: ServiceWritten['limits']): ServiceConfig['limits'] {
  return {
    maxConnections: known(limits?.maxConnections),
    maxPending: known(limits?.maxPending),
    maxRequests: known(limits?.maxRequests),
    maxRetries: known(limits?.maxRetries),
  }
}

function resolveOutside(endpoints: string[], tls: OutsideConfig['tls']): OutsideConfig {
  return { endpoints: endpoints.map(address), ...(tls === undefined ? {} : { tls }) }
}

/** One way to write an address: lower case, no leading zeros in the port. */
function address(text: string): string {
  return formatAddress(known(parseAddress(text)))
}
