import { type Alarm, oddsAlarm, short, trialEvidence } from './alarm.ts'
import { FUSE_CONTRAST, failureShareMax, fusedByMost, fusedOf, ticksBetween } from './fuse.ts'
import type { Finding, Turn } from './moves.ts'
import { evidenceOf } from './sequential.ts'
import { type EndpointState, playingVersions, presentEndpoints, type ServiceState } from './service.ts'
import { sumOf } from './windows.ts'

/**
 * Endpoint outliers: each endpoint against all others of its service without itself, by the same sequential test as versions. A mean with
 * a spread of the whole crowd would be moved by the bad ones themselves: with a fifth of them bad none would stand out any more.
 */

/** An ejection is mild and ends by itself: fuses may be wrong ten times as often as for a version. */
const FUSE_EASE = 10
const RATE_MS = 15_000
const REST_MS = 300_000

/** Endpoints that are compared: registered, healthy, of a version that carries traffic. */
export function playingEndpoints(service: ServiceState): [id: string, endpoint: EndpointState][] {
  const versions = new Set(playingVersions(service).map(([name]) => name))
  return presentEndpoints(service).filter(([, { version, health }]) => health.at === 'healthy' && versions.has(version))
}

export function endpointAlarm(turn: Turn, id: string, endpoint: EndpointState): Alarm | undefined {
  return (
    oddsAlarm(turn, 'errors', id, endpoint.errors, endpoint.traces) ??
    oddsAlarm(turn, 'slow', id, endpoint.slow, endpoint.traces) ??
    fusedAlarm(turn, id, endpoint)
  )
}

/** Most proxies hold it out by their local fuse, that is no chance, and the others are better. */
function fusedAlarm({ service, settings, nowMs }: Turn, id: string, endpoint: EndpointState): Alarm | undefined {
  const fuse = service.settings.passiveHealthCheck
  const fused = fusedOf(endpoint.fuses, nowMs)
  if (!fuse || !fusedByMost(fused) || evidenceOf(endpoint.errors) < FUSE_CONTRAST) return undefined
  const [attempts, failures] = sumOf(endpoint.window, RATE_MS, nowMs) as [number, number, number]
  if (failures < fuse.maxFailures) return undefined
  const ticks = ticksBetween({
    open: fused.fusedBy,
    fuses: fused.knownBy,
    maxFailures: fuse.maxFailures,
    openTicks: fuse.baseEjectionMs / 250,
    requestsPerTick: attempts / (RATE_MS / 250),
    failureShare: othersFailureShareMax(service, id, nowMs),
  })
  const threshold = settings.falseAlarmTicks / FUSE_EASE
  if (ticks < threshold) return undefined
  const { since } = endpoint.errors
  const reason =
    `${id} is held out by the local fuse of ${fused.fusedBy} of ${fused.knownBy} callers after ${failures} failures; ` +
    `by chance that happens once in ${short(ticks)} ticks`
  const evidence = {
    'ticks between chances': ticks,
    'open fuses': fused.fusedBy,
    fuses: fused.knownBy,
    R: evidenceOf(endpoint.errors),
    ...trialEvidence(since),
  }
  const windowMs = Math.max(250, nowMs - since.atMs + 250)
  const finding: Finding = {
    reason,
    metric: 'local fuses',
    observed: ticks,
    threshold,
    evidence,
    windowMs,
    traces: endpoint.traces,
  }
  return { kind: 'errors', by: 'fuse', finding, trial: { ...since }, sinceMs: since.atMs }
}

function othersFailureShareMax(service: ServiceState, id: string, nowMs: number): number {
  const rest = restOf(service, [id], nowMs, REST_MS)
  return failureShareMax(rest.bad, rest.all)
}

/** What the healthy endpoints other than these showed within a span. */
export function restOf(
  service: ServiceState,
  ids: readonly string[],
  nowMs: number,
  spanMs: number,
  field: 1 | 2 = 1,
): { bad: number; all: number } {
  let [bad, all] = [0, 0]
  for (const [id, { window }] of playingEndpoints(service)) {
    if (ids.includes(id)) continue
    const sums = sumOf(window, spanMs, nowMs)
    bad += sums[field]!
    all += sums[0]!
  }
  return { bad, all }
}
