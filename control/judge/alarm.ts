import { FUSE_CONTRAST, type Fused, failureShareMax, fusedByMost, fusedOf, ticksBetween } from './fuse.ts'
import { type Bad, burning, burnOf } from './guard.ts'
import type { Finding, Turn } from './moves.ts'
import { evidenceOf, oddsRatio, type SequentialTest, type Trial } from './sequential.ts'
import { endpointsOf, type Kind, playingVersions, type ServiceState, targetOf, type VersionState } from './service.ts'
import { failuresIn } from './tally.ts'
import { sumOf, type Window } from './windows.ts'

/** Something says that a version is worse than the others. Whether the version or a host of it is to blame, blame.ts decides. */
export interface Alarm {
  kind: Kind
  by: 'odds' | 'fuse' | 'burn'
  finding: Finding
  /** What the candidate and the others showed since `sinceMs`. */
  trial: Trial
  sinceMs: number
}

const kinds: readonly Kind[] = ['errors', 'slow']
const verbs: Record<Kind, string> = { errors: 'fails', slow: 'is too slow' }
export const metrics: Record<Kind, string> = { errors: 'error odds', slow: 'slow odds' }

/** A window's bad requests, by kind. */
export function badOf(kind: Kind): Bad {
  return (window, spanMs, nowMs) => {
    const sums = sumOf(window, spanMs, nowMs)
    return { bad: kind === 'slow' ? sums[6]! : failuresIn(sums), all: sums[0]! }
  }
}

/** The first of the three ways in which a version can be found worse than the others: odds, fuses, burn rate. */
export function versionAlarm(turn: Turn, name: string, version: VersionState): Alarm | undefined {
  for (const kind of kinds) {
    const alarm = oddsAlarm(turn, kind, name, version[kind], version.traces)
    if (alarm) return alarm
  }
  return fuseAlarm(turn, name, version) ?? burnAlarm(turn, name, version)
}

/** The sequential test reached its limit, and what was found burns the error budget. */
export function oddsAlarm(
  { service, settings, nowMs }: Turn,
  kind: Kind,
  name: string,
  test: SequentialTest,
  traces: readonly string[],
): Alarm | undefined {
  const r = evidenceOf(test)
  const target = targetOf(service, kind, settings)
  if (r < settings.falseAlarmTicks || target === undefined) return undefined
  const { since } = test
  // Worse than the others but within its SLO: nobody is harmed enough to move.
  if (burnOf(since.bad, since.all, target) <= 1) return undefined
  const windowMs = nowMs - since.atMs + 250
  const times = oddsRatio(since)
  const reason =
    `${name} ${verbs[kind]} ${since.bad} times in ${since.all}, the others ${since.restBad} in ${since.restAll}: ` +
    `odds ${short(times)} x theirs, R = ${short(r)} >= ${short(settings.falseAlarmTicks)}`
  const evidence = { R: r, 'odds ratio': times, ...trialEvidence(since) }
  const finding = {
    reason,
    metric: metrics[kind],
    observed: r,
    threshold: settings.falseAlarmTicks,
    evidence,
    windowMs,
    traces,
  }
  return { kind, by: 'odds', finding, trial: { ...since }, sinceMs: since.atMs }
}

export function trialEvidence({ bad, all, restBad, restAll }: Trial): Record<string, number> {
  return { bad, requests: all, 'bad of the others': restBad, 'requests of the others': restAll }
}

const FAILURES_RECENT_MS = 10_000
const RATE_MS = 60_000
const REST_MS = 300_000

/** Every endpoint of a version is held out by the local fuses, and that is no chance (fuse.ts). */
function fuseAlarm(turn: Turn, name: string, version: VersionState): Alarm | undefined {
  const { service, settings, nowMs } = turn
  const fuse = service.settings.passiveHealthCheck
  if (!fuse) return undefined
  const found = wholeVersionFused(service, name, nowMs)
  if (!found || evidenceOf(version.errors) < FUSE_CONTRAST || !anotherIsOpen(service, name, nowMs)) return undefined
  const failures = badOf('errors')(version.window, FAILURES_RECENT_MS, nowMs)
  if (failures.bad < fuse.maxFailures) return undefined
  const ticks = ticksBetween({
    open: found.fusedBy,
    fuses: found.knownBy,
    maxFailures: fuse.maxFailures,
    openTicks: fuse.baseEjectionMs / 250,
    requestsPerTick: badOf('errors')(version.window, RATE_MS, nowMs).all / (RATE_MS / 250),
    failureShare: restFailureShareMax(service, name, nowMs),
  })
  if (ticks < settings.falseAlarmTicks) return undefined
  const { endpoints } = found
  const reason =
    `every endpoint of ${name} (${endpoints} of ${endpoints}) is held out by the local fuse of ${callersIn(found)} ` +
    `after ${failures.bad} failures; by chance that happens once in ${short(ticks)} ticks`
  const since = version.errors.since
  const evidence = {
    'ticks between chances': ticks,
    'open fuses': found.fusedBy,
    fuses: found.knownBy,
    R: evidenceOf(version.errors),
    ...trialEvidence(since),
  }
  const windowMs = Math.max(250, nowMs - since.atMs + 250)
  const finding: Finding = {
    reason,
    metric: 'local fuses',
    observed: ticks,
    threshold: settings.falseAlarmTicks,
    evidence,
    windowMs,
    traces: version.traces,
  }
  return { kind: 'errors', by: 'fuse', finding, trial: { ...since }, sinceMs: since.atMs }
}

export interface WholeFused extends Fused {
  endpoints: number
  /** Of the endpoint that fewest, and most, proxies hold out. */
  least: number
  most: Fused
}

/** All endpoints of a version that are in service, when most proxies hold each of them out; undefined when one is not. */
export function wholeVersionFused(service: ServiceState, name: string, nowMs: number): WholeFused | undefined {
  const whole: WholeFused = {
    fusedBy: 0,
    knownBy: 0,
    endpoints: 0,
    least: Number.MAX_SAFE_INTEGER,
    most: { fusedBy: 0, knownBy: 0 },
  }
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

export function callersIn({ least, most }: WholeFused): string {
  return `${least} of ${most.knownBy} ${most.knownBy === 1 ? 'caller' : 'callers'}`
}

/** Another version has a weight and an endpoint that most proxies would use. */
export function anotherIsOpen(service: ServiceState, name: string, nowMs: number): boolean {
  return playingVersions(service).some(
    ([other]) =>
      other !== name &&
      endpointsOf(service, other).some(
        ([, { health, fuses }]) => health.at === 'healthy' && !fusedByMost(fusedOf(fuses, nowMs)),
      ),
  )
}

/** How often the other versions have failed in the last minutes, at its upper limit. */
function restFailureShareMax(service: ServiceState, name: string, nowMs: number): number {
  const windows = othersOf(service, name)
  const rest = windows.map(window => badOf('errors')(window, REST_MS, nowMs))
  return failureShareMax(
    rest.reduce((sum, { bad }) => sum + bad, 0),
    rest.reduce((sum, { all }) => sum + all, 0),
  )
}

function burnAlarm({ service, settings, nowMs }: Turn, name: string, version: VersionState): Alarm | undefined {
  for (const kind of kinds) {
    const target = targetOf(service, kind, settings)
    if (target === undefined) continue
    const burns = burning(version.window, othersOf(service, name), badOf(kind), target, nowMs)
    if (!burns) continue
    const { rule, burnLong, burnShort, bad, all, restBad, restAll } = burns
    const spans = `${rule.longMs / 1000} s and ${rule.shortMs / 1000} s`
    const reason =
      `${name} burns its budget ${short(burnLong)} and ${short(burnShort)} times too fast over ${spans} (limit ${rule.burn}): ` +
      `it ${verbs[kind]} ${bad} times in ${all}, the others ${restBad} in ${restAll}`
    const trial = { bad, all, restBad, restAll }
    const evidence = { 'burn long': burnLong, 'burn short': burnShort, ...trialEvidence(trial) }
    const finding: Finding = {
      reason,
      metric: kind === 'errors' ? 'error burn' : 'slow burn',
      observed: Math.min(burnLong, burnShort),
      threshold: rule.burn,
      evidence,
      windowMs: rule.longMs,
      traces: version.traces,
    }
    return { kind, by: 'burn', finding, trial, sinceMs: nowMs - rule.longMs }
  }
  return undefined
}

function othersOf(service: ServiceState, name: string): Window[] {
  return playingVersions(service).flatMap(([other, { window }]) => (other === name ? [] : [window]))
}

/** A number for a sentence: three digits. */
export function short(value: number): string {
  if (value >= 1e5) return value.toExponential(1).replace('e+', 'e')
  return Number(value.toPrecision(3)).toString()
}
