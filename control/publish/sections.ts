import type { Identity } from '../../protocol/credentials.ts'
import { spiffeIdOf } from '../../protocol/identity.ts'
import type { MeshConfig, ServiceConfig } from '../../protocol/mesh-config/config.ts'
import type { Endpoint, EndpointHealth, Listener, Registration, Telemetry, Upstream } from '../../protocol/snapshot.ts'
import { appTimeoutMs } from './app-timeout.ts'

/** What stands beside the file and the catalog when an upstream is written: decisions in force. */
export interface InForce {
  /** Weights by version as they apply now; versions not named have 0. */
  weights: ReadonlyMap<string, number>
  /** Endpoints that are not healthy. */
  health: ReadonlyMap<string, EndpointHealth>
}

/** Section `upstream/<service>`. `caPem` is the text of the service's caFile, when it names one. */
export function upstreamSection(
  service: ServiceConfig,
  registered: readonly Registration[],
  inForce: InForce,
  caPem: string | undefined,
  /** Of the service, when a hop to it is mTLS. */
  peerSpiffeId?: string,
): Upstream {
  const endpoints = endpointsOf(service, registered, inForce.health)
  const names = new Set([...service.versions.keys(), ...endpoints.map(({ version }) => version)])
  const tls = service.outside?.tls
  return {
    service: service.name,
    protocol: service.protocol,
    timeoutMs: service.timeoutMs,
    connectTimeoutMs: service.connectTimeoutMs,
    idleTimeoutMs: service.idleTimeoutMs,
    retries: service.retries,
    limits: service.limits,
    balancing: service.balancing,
    ...(service.stickiness && { stickiness: service.stickiness }),
    ...(service.passiveHealthCheck && { passiveHealthCheck: service.passiveHealthCheck }),
    routes: service.routes,
    versions: Object.fromEntries([...names].sort().map(name => [name, { weight: inForce.weights.get(name) ?? 0 }])),
    endpoints,
    mesh: !service.outside,
    ...(peerSpiffeId !== undefined && { peerSpiffeId }),
    ...(tls && {
      tls: {
        ...(tls.serverName !== undefined && { serverName: tls.serverName }),
        ...(caPem !== undefined && { caPem }),
      },
    }),
  }
}

/** The version that endpoints outside the mesh have when the file names none. */
const OUTSIDE_VERSION = 'default'

/** Registered sidecars, or the addresses that the file gives for a service outside the mesh. */
export function endpointsOf(
  service: ServiceConfig,
  registered: readonly Registration[],
  health: ReadonlyMap<string, EndpointHealth>,
): Endpoint[] {
  if (service.outside) {
    const version = service.versions.keys().next().value ?? OUTSIDE_VERSION
    return service.outside.endpoints.map(address => ({
      id: address,
      address,
      version,
      health: health.get(address) ?? 'healthy',
    }))
  }
  return registered.map(({ instance, address, version, zone }) => ({
    id: instance,
    address,
    version,
    health: health.get(instance) ?? 'healthy',
    ...(zone !== undefined && { zone }),
  }))
}

/** Section `listener` of a service's sidecars. */
export function sidecarListener(mesh: MeshConfig, service: ServiceConfig): Listener {
  return {
    mesh: mesh.mesh,
    trustDomain: mesh.trustDomain,
    service: service.name,
    kind: 'sidecar',
    protocol: service.protocol,
    app: {
      timeoutMs: appTimeoutMs(mesh, service),
      connectTimeoutMs: service.connectTimeoutMs,
      idleTimeoutMs: service.idleTimeoutMs,
      limits: service.limits,
    },
    routes: [],
    mtls: service.mtls,
  }
}

/** A gateway has no application: these only fill the shape. */
const noApp: Listener['app'] = {
  timeoutMs: 0,
  connectTimeoutMs: 0,
  idleTimeoutMs: 0,
  limits: { maxConnections: 0, maxPending: 0, maxRequests: 0, maxRetries: 0 },
}

/** Section `listener` of a gateway's proxies; from the outside nobody brings a mesh identity. */
export function gatewayListener(mesh: MeshConfig, name: string): Listener {
  const { routes = [], tls, oidc } = mesh.gateways.get(name) ?? {}
  return {
    mesh: mesh.mesh,
    trustDomain: mesh.trustDomain,
    service: name,
    kind: 'gateway',
    protocol: 'http',
    app: noApp,
    routes,
    ...(oidc && { oidc }),
    mtls: 'off',
    ...(tls !== undefined && { tls }),
  }
}

/** Section `telemetry`. */
export function telemetrySection(
  mesh: MeshConfig,
  urls: { spansUrl: string | undefined; collectorUrl: string | undefined },
): Telemetry {
  const { sample, sharedSpanContext, outsideContext } = mesh.telemetry
  return {
    sample,
    sharedSpanContext,
    outsideContext,
    ...(urls.spansUrl !== undefined && { spansUrl: urls.spansUrl }),
    ...(urls.collectorUrl !== undefined && { collectorUrl: urls.collectorUrl }),
  }
}

/** What everybody in the mesh trusts now, and where certificates come from. */
export interface IdentityInForce {
  dc: string
  roots: readonly string[]
  issuer: string
}

/** Section `identity` of a service's or a gateway's proxies. */
export function identitySection({ trustDomain }: MeshConfig, name: string, inForce: IdentityInForce): Identity {
  const { dc, roots, issuer } = inForce
  return { trustDomain, dc, spiffeId: spiffeIdOf({ trustDomain, dc }, name), roots: [...roots], issuer }
}

/** What the far end of a hop to this service must prove; undefined: the hop is clear text. */
export function peerSpiffeIdOf({ trustDomain }: MeshConfig, service: ServiceConfig, dc: string): string | undefined {
  return service.outside || service.mtls === 'off' ? undefined : spiffeIdOf({ trustDomain, dc }, service.name)
}
