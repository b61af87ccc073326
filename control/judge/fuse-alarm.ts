import type { Alarm } from './alarm.ts'
import { badOf, restOf, restOfVersions } from './compare.ts'
import { type Finding, short } from './finding.ts'
import { chanceShare, FUSE_CONTRAST, type Fused, fusedByMost, fusedOf, ticksBetween } from './fuse.ts'
import type { Turn } from './moves.ts'
import { evidenceOf, type SequentialTest, type Trial } from './sequential.ts'
import { type EndpointState, endpointsOf, playingVersions, type ServiceState, type VersionState } from './service.ts'
import { firstMs, sumOf } from './windows.ts'

/** Alarms by what the local fuses tell; the reckoning is in fuse.ts. */
const RECENT_MS = 10_000
const RATE_MS = 60_000

interface Suspicion {
  who: string
  fused: Fused
  test: SequentialTest
  /** Its last 10 s, and those of the others. */
  trial: Trial
  /** How many requests a tick it had while it was still asked. */
  requestsPerTick: number
  /** How often the others fail, at its upper limit. */
  chance: number
  threshold: number
  reason: string
  sinceMs: number
  traces: readonly string[]
}

/** Every endpoint of a version is held out by the local fuses, while another version is open. */
export function versionFuseAlarm(turn: Turn, name: string, version: VersionState): Alarm | undefined {
  const { service, settings, nowMs } = turn
  const fused = wholeVersionFused(service, name, nowMs)
  if (!fused || !anotherIsOpen(service, name, nowMs)) return undefined
  const others = restOfVersions(service, name, 'errors', nowMs)
  const bad = badOf('errors')
  const own = bad(version.window, RECENT_MS, nowMs)
  const rest = others(RECENT_MS)
  const { endpoints, least, most } = fused
  return suspicionAlarm(turn, {
    who: name,
    fused,
    test: version.errors,
    trial: { ...own, restBad: rest.bad, restAll: rest.all },
    requestsPerTick: bad(version.window, RATE_MS, nowMs).all / (RATE_MS / 250),
    chance: chanceShare(others),
    threshold: settings.falseAlarmTicks,
    reason:
      `every endpoint of ${name} (${endpoints} of ${endpoints}) is held out by the local fuse of ` +
      `${least} of ${most.knownBy} ${most.knownBy === 1 ? 'caller' : 'callers'} after ${own.bad} failures`,
    sinceMs: nowMs - RECENT_MS,
    traces: version.traces,
  })
}

/** An ejection is mild and ends by itself: fuses may be wrong ten times as often as for a version. */
const ENDPOINT_EASE = 10
const ENDPOINT_RATE_MS = 15_000

/** Most proxies hold an endpoint out by their local fuse. */
export function endpointFuseAlarm(turn: Turn, id: string, endpoint: EndpointState): Alarm | undefined {
  const { service, settings, nowMs } = turn
  const fused = fusedOf(endpoint.fuses, nowMs)
  if (!fusedByMost(fused)) return undefined
  const [all, bad] = sumOf(endpoint.window, RECENT_MS, nowMs) as [number, number, number]
  const others = (spanMs: number) => restOf(service, [id], nowMs, spanMs)
  const rest = others(RECENT_MS)
  return suspicionAlarm(turn, {
    who: id,
    fused,
    test: endpoint.errors,
    trial: { bad, all, restBad: rest.bad, restAll: rest.all },
    requestsPerTick: sumOf(endpoint.window, ENDPOINT_RATE_MS, nowMs)[0]! / (ENDPOINT_RATE_MS / 250),
    chance: chanceShare(others),
    threshold: settings.falseAlarmTicks / ENDPOINT_EASE,
    reason: `${id} is held out by the local fuse of ${fused.fusedBy} of ${fused.knownBy} callers after ${bad} failures`,
    sinceMs: firstMs(endpoint.window, 1, RECENT_MS, nowMs),
    traces: endpoint.traces,
  })
}

/**
 * An alarm, when so many open fuses are no chance and the others are better. Only failures of the last seconds count: a half-open fuse
 * opens again after a single one, and that proves less than the run that opened it first.
 */
function suspicionAlarm({ service }: Turn, suspicion: Suspicion): Alarm | undefined {
  const fuse = service.settings.passiveHealthCheck
  const { fused, test, trial, requestsPerTick, threshold, sinceMs, traces } = suspicion
  if (!fuse || trial.bad === 0 || evidenceOf(test) < FUSE_CONTRAST) return undefined
  const ticks = ticksBetween({
    open: fused.fusedBy,
    fuses: fused.knownBy,
    failures: Math.min(fuse.maxFailures, trial.bad / fused.fusedBy),
    openTicks: fuse.baseEjectionMs / 250,
    requestsPerTick,
    failureShare: suspicion.chance,
  })
  if (ticks < threshold) return undefined
  const finding: Finding = {
    reason: `${suspicion.reason}; by chance that happens once in ${short(ticks)} ticks`,
    metric: 'local fuses',
    observed: ticks,
    threshold,
    evidence: {
      'ticks between chances': ticks,
      'open fuses': fused.fusedBy,
      fuses: fused.knownBy,
      R: evidenceOf(test),
      bad: trial.bad,
      requests: trial.all,
      'bad of the others': trial.restBad,
      'requests of the others': trial.restAll,
    },
    windowMs: RECENT_MS,
    traces,
  }
  return { kind: 'errors', by: 'fuse', finding, trial, sinceMs }
}

export interface WholeFused extends Fused {
  endpoints: number
  /** Of the endpoint that fewest, and most, proxies hold out. */
  least: number
  most: Fused
}

/** All endpoints of a version that are in service, when most proxies hold each of them out; undefined when one is not. */
export function wholeVersionFused(service: ServiceState, name: string, nowMs: number): WholeFused | undefined {
  const none = { fusedBy: 0, knownBy: 0 }
  const whole: WholeFused = { ...none, endpoints: 0, least: Number.MAX_SAFE_INTEGER, most: none }
  for (const [, endpoint] of endpointsOf(service, name)) {
    if (endpoint.health.at === 'ejected') continue
    const fused = fusedOf(endpoint.fuses, nowMs)
    if (!fusedByMost(fused)) return undefined
    whole.fusedBy += fused.fusedBy
    whole.knownBy += fused.knownBy
    whole.endpoints++
    whole.least = Math.min(whole.least, fused.fusedBy)
    if (fused.knownBy > whole.most.knownBy) whole.most = fused
  }
  return whole.endpoints > 0 ? whole : undefined
}

/** Another version has an endpoint that most proxies would use. */
function anotherIsOpen(service: ServiceState, name: string, nowMs: number): boolean {
  return playingVersions(service).some(
    ([other]) =>
      other !== name &&
      endpointsOf(service, other).some(
        ([, { health, fuses }]) => health.at === 'healthy' && !fusedByMost(fusedOf(fuses, nowMs)),
      ),
  )
}
