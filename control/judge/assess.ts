import type { Alarm } from './alarm.ts'
import { type Blame, blame, type EndpointCounts } from './blame.ts'
import { takeCommonCause } from './common-cause.ts'
import { playingEndpoints, restOf } from './compare.ts'
import { type Finding, listed } from './finding.ts'
import { eject, quieten, shiftAway, type Turn } from './moves.ts'
import { endpointAlarm } from './outlier.ts'
import { takeProbes } from './probe.ts'
import { takeReturns } from './return.ts'
import { stepRun } from './run-alarm.ts'
import { evidenceOf, stepTest, type Trial } from './sequential.ts'
import { endpointsOf, type Kind, playingVersions, type VersionState } from './service.ts'
import { endpointTick, type Judged, type Tally, versionTick } from './tally.ts'
import { versionAlarm } from './version-alarm.ts'
import { sumOf } from './windows.ts'

/**
 * One tick of one service, whose data are not dark: take the evidence in, then let what is on its way back go on or go again, then see
 * whether a version or a host has to leave, then whether all suffer alike.
 */
export function assess(turn: Turn, tally: Tally): void {
  takeEvidence(turn, tally)
  takeReturns(turn, tally)
  takeProbes(turn, tally)
  takeVersionAlarms(turn)
  takeEndpointAlarms(turn)
  takeCommonCause(turn)
}

function takeEvidence(turn: Turn, tally: Tally): void {
  for (const [name, version] of playingVersions(turn.service)) {
    const { all, errors } = versionTick(tally, name)
    stepRun(version, { bad: errors, all }, turn.nowMs)
  }
  const versions = playingVersions(turn.service).map(([name, tests]) => ({ tests, tick: versionTick(tally, name) }))
  const endpoints = playingEndpoints(turn.service).map(([id, tests]) => ({ tests, tick: endpointTick(tally, id) }))
  for (const candidates of [versions, endpoints]) stepAll(turn, candidates)
}

function stepAll(
  { service, settings, nowMs }: Turn,
  candidates: readonly { tests: Pick<VersionState, Kind>; tick: Judged }[],
): void {
  const whole: Judged = { all: 0, errors: 0, slow: 0 }
  for (const { tick } of candidates) {
    whole.all += tick.all
    whole.errors += tick.errors
    whole.slow += tick.slow
  }
  const judgeSlow = service.settings.slo?.latency !== undefined
  for (const { tests, tick } of candidates) {
    stepTest(tests.errors, trialOf(tick, whole, 'errors'), settings.tickEvidenceMax, nowMs)
    if (judgeSlow) stepTest(tests.slow, trialOf(tick, whole, 'slow'), settings.slowTickEvidenceMax, nowMs)
  }
}

/** One against all others. */
function trialOf(own: Judged, whole: Judged, kind: Kind): Trial {
  return { bad: own[kind], all: own.all, restBad: whole[kind] - own[kind], restAll: whole.all - own.all }
}

/** An undecided question of host or version is not left open for longer: failing for so long, the version has to leave. */
const UNDECIDED_MS_MAX = 30_000
/** Its other endpoints got no request for so long: the failing ones are all that is known. */
const UNKNOWN_MS_MAX = 2000
const UNKNOWN_SPAN_MS = 60_000

function takeVersionAlarms(turn: Turn): void {
  const { service, settings, nowMs } = turn
  const suspects = playingVersions(service)
    .filter(([, { quietUntilMs }]) => nowMs >= quietUntilMs)
    .sort(([, a], [, b]) => evidenceOf(b.errors) - evidenceOf(a.errors))
  for (const [name, version] of suspects) {
    const alarm = versionAlarm(turn, name, version)
    if (!alarm) continue
    const blamed = alarm.by === 'fuse' ? ({ on: 'version', lnRatio: 0 } as const) : blameOf(turn, name, alarm)
    if (blamed.on === 'undecided' && nowMs - alarm.sinceMs < UNDECIDED_MS_MAX) continue
    if (blamed.on !== 'hosts') shiftAway(turn, name, withBlame(alarm.finding, blamed))
    else if (!ejectHosts(turn, blamed.hosts, alarm.finding, blamed))
      shiftAway(turn, name, withBlame(alarm.finding, blamed))
    else quieten(version, nowMs + settings.settleMs, nowMs)
  }
}

/** Ejects what is to blame of a version. False when the limit of ejections keeps it in: then the version has to leave. */
function ejectHosts(turn: Turn, hosts: readonly string[], finding: Finding, blamed: Blame): boolean {
  let outcome = true
  for (const id of hosts) {
    const endpoint = turn.service.endpoints.get(id)
    // One that is out already explains what still fails.
    if (endpoint?.health.at !== 'healthy' || turn.nowMs < endpoint.quietUntilMs) continue
    const reason = `${finding.reason}; the failures stand on ${listed(hosts)}, the rest of ${endpoint.version} is as good as the others`
    const evidence = { ...withBlame(finding, blamed).evidence, hosts: listed(hosts) }
    if (eject(turn, id, { ...finding, reason, evidence }) === 'limit') outcome = false
  }
  return outcome
}

function takeEndpointAlarms(turn: Turn): void {
  const { service, nowMs } = turn
  for (const [id, endpoint] of playingEndpoints(service)) {
    if (nowMs < endpoint.quietUntilMs) continue
    const alarm = endpointAlarm(turn, id, endpoint)
    if (!alarm) continue
    const blamed = blameOf(turn, endpoint.version, alarm)
    if (blamed.on === 'version' || !blamed.hosts.includes(id)) continue
    if (blamed.on === 'undecided' && !aloneAsked(turn, endpoint.version, blamed.hosts, alarm)) continue
    const evidence = { ...alarm.finding.evidence, 'host : version (ln)': blamed.lnRatio }
    eject(turn, id, { ...alarm.finding, evidence })
  }
}

/** Host or version, by what its endpoints showed since the alarm's evidence began. */
function blameOf(turn: Turn, name: string, alarm: Alarm): Blame {
  const counts = countsSince(turn, name, alarm)
  const ids = counts.map(({ id }) => id)
  const span = spanOf(turn, alarm)
  const field = alarm.kind === 'errors' ? 1 : 2
  const others = restOf(turn.service, ids, turn.nowMs, span, field)
  // A service of one version: its endpoints are measured by the alarmed one's others.
  return blame(counts, others.all > 0 ? others : { bad: alarm.trial.restBad, all: alarm.trial.restAll })
}

function countsSince({ service, nowMs }: Turn, name: string, alarm: Alarm): EndpointCounts[] {
  const span = spanOf({ nowMs }, alarm)
  return endpointsOf(service, name).map(([id, { window }]) => {
    const sums = sumOf(window, span, nowMs)
    return { id, bad: sums[alarm.kind === 'errors' ? 1 : 2]!, all: sums[0]! }
  })
}

/** From the tick in which the evidence began to this one. */
function spanOf({ nowMs }: Pick<Turn, 'nowMs'>, { sinceMs }: Alarm): number {
  return nowMs - sinceMs + 250
}

/** The other endpoints got no request since the alarm's evidence began, and did not fail in the minute before it either. */
function aloneAsked(turn: Turn, name: string, hosts: readonly string[], alarm: Alarm): boolean {
  const { service, nowMs } = turn
  if (nowMs - alarm.sinceMs < UNKNOWN_MS_MAX) return false
  const field = alarm.kind === 'errors' ? 1 : 2
  return endpointsOf(service, name).every(([id, { window }]) => {
    if (hosts.includes(id)) return true
    const lately = sumOf(window, UNKNOWN_SPAN_MS, nowMs)
    return sumOf(window, spanOf(turn, alarm), nowMs)[0] === 0 && lately[field] === 0
  })
}

function withBlame(finding: Finding, blamed: Blame): Finding {
  if (blamed.on === 'version' && blamed.lnRatio === 0) return finding
  const side = blamed.on === 'version' ? 'version : host (ln)' : 'host : version (ln)'
  return { ...finding, evidence: { ...finding.evidence, [side]: Math.min(blamed.lnRatio, 1e6) } }
}
