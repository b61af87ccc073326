import type { Alarm } from './alarm.ts'
import { badOf, restOfVersions, trialEvidence } from './compare.ts'
import { type Finding, short } from './finding.ts'
import { chanceShare } from './fuse.ts'
import type { Turn } from './moves.ts'
import { evidenceOf } from './sequential.ts'
import type { VersionState } from './service.ts'

/**
 * An unbroken run of failures. The sequential test asks for no history: at 10 requests a second to a version it needs more than a second
 * of total failure to reach its limit. But the others' history says how often m failures in a row come by chance: with `n` requests a tick
 * that fail with share p (taken at its upper limit), n p^m times a tick. A run is believed when that is rarer than once in as many ticks as
 * the sequential test allows, and when that test leans the same way (CONTRAST): a moment in which everything fails is not a matter of
 * chance, but then the others fail, too, and R stays low.
 */
const RUN_MIN = 5
const CONTRAST = 30
const RATE_MS = 60_000

/** Takes a tick into the run. Within a tick the order is not known: one good request ends the run. */
export function stepRun(version: VersionState, { bad, all }: { bad: number; all: number }, nowMs: number): void {
  if (all === 0) return
  if (bad < all) version.run = { failures: 0, sinceMs: nowMs }
  else
    version.run =
      version.run.failures > 0
        ? { ...version.run, failures: version.run.failures + bad }
        : { failures: bad, sinceMs: nowMs }
}

export function runAlarm({ service, settings, nowMs }: Turn, name: string, version: VersionState): Alarm | undefined {
  const { failures, sinceMs } = version.run
  const r = evidenceOf(version.errors)
  if (failures < RUN_MIN || r < CONTRAST) return undefined
  const others = restOfVersions(service, name, 'errors', nowMs)
  const rest = others(nowMs - sinceMs + 250)
  const share = chanceShare(others)
  const requestsPerTick = badOf('errors')(version.window, RATE_MS, nowMs).all / (RATE_MS / 250)
  const ticks = Math.min(1e30, 1 / (requestsPerTick * share ** failures))
  if (ticks < settings.falseAlarmTicks) return undefined
  const trial = { bad: failures, all: failures, restBad: rest.bad, restAll: rest.all }
  const finding: Finding = {
    reason:
      `the last ${failures} requests to ${name} all failed, ${rest.bad} of ${rest.all} of the others' at the same time; ` +
      `by chance that happens once in ${short(ticks)} ticks`,
    metric: 'failure run',
    observed: ticks,
    threshold: settings.falseAlarmTicks,
    evidence: {
      'ticks between chances': ticks,
      R: r,
      'failure share of the others at most': share,
      ...trialEvidence(trial),
    },
    windowMs: nowMs - sinceMs + 250,
    traces: version.traces,
  }
  return { kind: 'errors', by: 'run', finding, trial, sinceMs }
}
