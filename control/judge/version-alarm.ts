import { type Alarm, burnAlarm, kinds, oddsAlarm } from './alarm.ts'
import { versionFuseAlarm } from './fuse-alarm.ts'
import type { Turn } from './moves.ts'
import { runAlarm } from './run-alarm.ts'
import type { VersionState } from './service.ts'

/** The first of the four ways in which a version can be found worse than the others: odds, fuses, an unbroken run, burn rate. */
export function versionAlarm(turn: Turn, name: string, version: VersionState): Alarm | undefined {
  for (const kind of kinds) {
    const alarm = oddsAlarm(turn, kind, name, version[kind], version.traces)
    if (alarm) return alarm
  }
  return versionFuseAlarm(turn, name, version) ?? runAlarm(turn, name, version) ?? burnAlarm(turn, name, version)
}
