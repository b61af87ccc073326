import { type Alarm, burnAlarm, kinds, oddsAlarm } from './alarm.ts'
import { versionFuseAlarm } from './fuse-alarm.ts'
import type { Turn } from './moves.ts'
import { runAlarm } from './run-alarm.ts'
import type { VersionState } from './service.ts'

/**
 * The first of the four ways in which a version can be found worse than the others: odds, fuses, an unbroken run, burn rate.
 *
 * What they may cost together, in false alarms of one version that is as good as the others: odds of errors and odds of slowness each at
 * the earliest once in falseAlarmTicks (1e6 ticks, 69 h) on average. Fuses and run each reckon a coincidence that is as rare as that, and ask for
 * R >= 10 or 30 on top, so they add little to it; the burn rate asks for a chance below 1e-7 a window. A failure of everything that is shorter
 * than a handful of requests is the one thing that can look like a version's fault; it then has to miss all the others by chance.
 */
export function versionAlarm(turn: Turn, name: string, version: VersionState): Alarm | undefined {
  for (const kind of kinds) {
    const alarm = oddsAlarm(turn, kind, name, version[kind], version.traces)
    if (alarm) return alarm
  }
  return versionFuseAlarm(turn, name, version) ?? runAlarm(turn, name, version) ?? burnAlarm(turn, name, version)
}
