import type { ServiceConfig } from '../../protocol/mesh-config/config.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Catalog } from '../gather/catalog.ts'
import type { Cell, RecentTraffic, Traffic } from '../gather/recent-traffic.ts'
import type { Judge } from '../judge/judge.ts'
import type { SloStanding, Standing } from '../judge/standing.ts'
import type { MeshView } from '../publish/publication.ts'
import type { DecisionLog } from '../state/decision-log.ts'
import type { Proxies } from './proxies.ts'
import type {
  ConfigStatus,
  EndpointStatus,
  ServiceStatus,
  SloStatus,
  Status,
  TrafficStatus,
  VersionStatus,
} from './status-schema.ts'

/** Everything that the status is put together from; all of it is only read. */
export interface StatusParts {
  clock: Clock
  view: MeshView
  judge: Pick<Judge, 'standing' | 'data'>
  catalog: Catalog
  recent: RecentTraffic
  proxies: Proxies
  decisions: DecisionLog
  epoch(): number
  collectors(): Iterable<{ url: string; connected: boolean; problem: string | undefined }>
  configStatus(): ConfigStatus
  /** Who has a certificate until when, soonest to end first. */
  certificates(limit: number): { service: string; instance: string | null; until: string }[]
  /** Adds cells of traffic up over a time. */
  trafficOf(cells: readonly Cell[], coveredMs: number): Traffic
  /** The endpoints of a service, by hand or registered. */
  endpointsOf(service: ServiceConfig): Array<{ id: string; address: string; version: string }>
}

const NOT_IN_STEP_MAX = 50
const CERTIFICATES_MAX = 50

export function statusOf(parts: StatusParts): Status {
  const { view, recent, proxies, decisions } = parts
  const cells = recent.cells()
  const traffic = (fits: (cell: Cell) => boolean) => trafficStatus(parts, cells.filter(fits))
  const byUpstream = Map.groupBy(cells, cell => cell.upstream)
  const services = [...view.config.services.values()].map(service =>
    serviceStatus(service, byUpstream.get(service.name) ?? [], parts),
  )
  const calls = new Map(cells.map(({ source, upstream }) => [JSON.stringify([source, upstream]), { source, upstream }]))
  return {
    mesh: view.config.mesh,
    time: new Date(parts.clock.wall()).toISOString(),
    epoch: parts.epoch(),
    data: parts.judge.data(),
    collectors: [...parts.collectors()].map(({ url, connected, problem }) => ({
      url,
      connected,
      problem: problem ?? null,
    })),
    config: parts.configStatus(),
    services,
    gateways: gatewayStatus(parts),
    calls: [...calls.values()].map(({ source, upstream }) => ({
      source,
      upstream,
      traffic: traffic(cell => cell.source === source && cell.upstream === upstream),
    })),
    proxies: {
      known: parts.catalog.size,
      byState: proxies.counts(),
      notInStep: proxies
        .list()
        .filter(({ state }) => state !== 'in-step')
        .slice(0, NOT_IN_STEP_MAX),
    },
    certificates: parts
      .certificates(CERTIFICATES_MAX)
      .map(({ service, instance, until }) => ({ service, instance, until })),
    lastDecision: decisions.last() ?? null,
  }
}

/** One service; `cells` are the traffic toward it. */
export function serviceStatus(service: ServiceConfig, cells: readonly Cell[], parts: StatusParts): ServiceStatus {
  const standing = parts.judge.standing(service.name)
  const endpoints = parts.endpointsOf(service)
  return {
    service: service.name,
    protocol: service.protocol,
    outside: service.outside !== undefined,
    shift: service.shift.mode,
    data: standing?.data ?? 'idle',
    traffic: trafficStatus(parts, cells),
    versions: versionStatuses(standing, endpoints, cells, parts),
    endpoints: endpoints.map(endpoint => endpointStatus(endpoint, service, standing, parts.catalog)),
    slo: (standing?.slo ?? []).map(sloStatus),
    missing: standing?.missing ?? [],
    lastDecision: parts.decisions.lastOf(service.name) ?? null,
  }
}

function versionStatuses(
  standing: Standing | undefined,
  endpoints: ReadonlyArray<{ version: string }>,
  cells: readonly Cell[],
  parts: StatusParts,
): VersionStatus[] {
  return [...(standing?.versions ?? [])].map(([version, found]) => ({
    version,
    configured: found.configured,
    weight: found.weight,
    pinned: found.pinned,
    stage: found.stage,
    waitMs: found.waitMs,
    verdict: found.verdict,
    reason: found.reason,
    endpoints: endpoints.filter(endpoint => endpoint.version === version).length,
    traffic: trafficStatus(
      parts,
      cells.filter(cell => cell.version === version),
    ),
  }))
}

function endpointStatus(
  { id, address, version }: { id: string; address: string; version: string },
  service: ServiceConfig,
  standing: Standing | undefined,
  catalog: Catalog,
): EndpointStatus {
  const found = standing?.endpoints.get(id)
  return {
    id,
    address,
    version,
    health: standing?.health.get(id) ?? 'healthy',
    manual: found?.manual ?? false,
    waitMs: found?.waitMs ?? 0,
    requests: found?.requests ?? 0,
    errors: found?.errors ?? 0,
    fusedBy: found?.fusedBy ?? 0,
    knownBy: found?.knownBy ?? 0,
    connected: service.outside !== undefined || (catalog.get(id)?.connected ?? false),
  }
}

function sloStatus(slo: SloStanding): SloStatus {
  return { ...slo, exhaustedInMs: slo.exhaustedInMs ?? null, alert: slo.alert ?? null }
}

function gatewayStatus({ view, catalog }: StatusParts): Status['gateways'] {
  const registered = [...catalog.all()].filter(({ registration }) => registration.kind === 'gateway')
  return [...view.config.gateways.values()].map(({ name, listen }) => ({
    gateway: name,
    listen,
    proxies: registered.filter(({ registration }) => registration.service === name).length,
  }))
}

function trafficStatus({ recent, trafficOf }: StatusParts, cells: readonly Cell[]): TrafficStatus {
  const { p50Ms, p99Ms, ...counts } = trafficOf(cells, recent.coveredMs)
  return { ...counts, p50Ms: p50Ms ?? null, p99Ms: p99Ms ?? null }
}
