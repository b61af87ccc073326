import { short } from './finding.ts'
import { fusedOf } from './fuse.ts'
import { sloStandings } from './guard.ts'
import { evidenceOf } from './sequential.ts'
import {
  askedWeight,
  type EndpointState,
  healthsOf,
  presentEndpoints,
  presentVersions,
  type ServiceState,
  type VersionState,
  weightOf,
  weightsOf,
} from './service.ts'
import type { JudgeSettings } from './settings.ts'
import type { EndpointStanding, Standing, VersionStanding } from './standing.ts'
import { countsOf, failuresOf, sumOf } from './windows.ts'

/** How a service stands, for snapshots, people and metrics. */
export function standingOf(service: ServiceState, settings: JudgeSettings, nowMs: number): Standing {
  const { slo } = service.settings
  return {
    service: service.settings.service,
    data: service.data,
    weights: weightsOf(service),
    health: healthsOf(service),
    versions: new Map(
      presentVersions(service).map(([name, version]) => [
        name,
        versionStanding(service, name, version, settings, nowMs),
      ]),
    ),
    endpoints: new Map(presentEndpoints(service).map(([id, endpoint]) => [id, endpointStanding(endpoint, nowMs)])),
    slo: slo ? sloStandings(service.window, slo, nowMs) : [],
    missing: service.missing,
  }
}

const RECENT_MS = 60_000

function versionStanding(
  service: ServiceState,
  name: string,
  version: VersionState,
  settings: JudgeSettings,
  nowMs: number,
): VersionStanding {
  const counts = countsOf(version.window, RECENT_MS, nowMs)
  const { stage } = version
  return {
    configured: askedWeight(service, name),
    weight: weightOf(service, name),
    pinned: version.pinned !== undefined,
    stage: stage.at,
    waitMs: stage.at === 'held' ? Math.max(0, stage.untilMs - nowMs) : 0,
    ...verdictOn(service, version, counts.requests, settings),
    errorR: evidenceOf(version.errors),
    slowR: evidenceOf(version.slow),
    requests: counts.requests,
    errors: failuresOf(counts),
    slow: counts.slow,
  }
}

/** No data is inconclusive, never healthy. */
function verdictOn(
  service: ServiceState,
  version: VersionState,
  requests: number,
  { falseAlarmTicks }: JudgeSettings,
): Pick<VersionStanding, 'verdict' | 'reason'> {
  if (service.data === 'dark') return { verdict: 'inconclusive', reason: 'no telemetry: nothing moves' }
  if (version.stage.at === 'held') return { verdict: 'breached', reason: 'held at 0: it was worse than the others' }
  if (requests === 0) return { verdict: 'inconclusive', reason: 'no requests in the last minute' }
  if (version.stage.at === 'returning')
    return {
      verdict: 'inconclusive',
      reason: `on its way back, at ${short(version.stage.factor * 100)} % of its weight`,
    }
  const r = Math.max(evidenceOf(version.errors), evidenceOf(version.slow))
  if (r >= falseAlarmTicks) {
    const why =
      version.pinned !== undefined
        ? 'a person pinned its weight'
        : 'nothing else could carry its requests, or it is within its SLO'
    return {
      verdict: 'breached',
      reason: `worse than the others, R = ${short(r)} >= ${short(falseAlarmTicks)}; ${why}`,
    }
  }
  if (service.common) return { verdict: 'inconclusive', reason: 'all versions suffer alike: a common cause' }
  return { verdict: 'healthy', reason: `no worse than the others, R = ${short(r)} < ${short(falseAlarmTicks)}` }
}

const ENDPOINT_MS = 15_000

function endpointStanding(endpoint: EndpointState, nowMs: number): EndpointStanding {
  const [requests, errors] = sumOf(endpoint.window, ENDPOINT_MS, nowMs) as [number, number, number]
  const { health } = endpoint
  return {
    version: endpoint.version,
    health: health.at,
    manual: health.at === 'ejected' && health.manual,
    waitMs: health.at === 'ejected' && !health.manual ? Math.max(0, health.untilMs - nowMs) : 0,
    errorR: evidenceOf(endpoint.errors),
    requests,
    errors,
    ...fusedOf(endpoint.fuses, nowMs),
  }
}
