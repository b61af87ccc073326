import { badOf, othersOf, trialEvidence } from './compare.ts'
import { type Finding, short } from './finding.ts'
import { burning, burnOf } from './guard.ts'
import type { Turn } from './moves.ts'
import { evidenceOf, oddsRatio, type SequentialTest, type Trial } from './sequential.ts'
import { type Kind, targetOf, type VersionState } from './service.ts'

/** Something says that a version is worse than the others. Whether the version or a host of it is to blame, blame.ts decides. */
export interface Alarm {
  kind: Kind
  by: 'odds' | 'fuse' | 'run' | 'burn'
  finding: Finding
  /** What the candidate and the others showed since `sinceMs`. */
  trial: Trial
  sinceMs: number
}

export const kinds: readonly Kind[] = ['errors', 'slow']
const verbs: Record<Kind, string> = { errors: 'fails', slow: 'is too slow' }
const metrics: Record<Kind, string> = { errors: 'error odds', slow: 'slow odds' }

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

/** The absolute guard (guard.ts) speaks of a version. */
export function burnAlarm({ service, settings, nowMs }: Turn, name: string, version: VersionState): Alarm | undefined {
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
