import { badOf } from './compare.ts'
import { short } from './finding.ts'
import { commonBurn, shiftRules } from './guard.ts'
import { propose, type Turn, weightsIn } from './moves.ts'
import { evidenceOf } from './sequential.ts'
import { type Kind, playingVersions, targetOf } from './service.ts'
import { sumOf } from './windows.ts'

/** A version that is suspected this much (R) is judged first; only then is the cause called common. */
const SUSPECTED = 1000
/** The episode is over when nothing has burned in common for this long. */
const OVER_AFTER_MS = 30_000
const SHORT_MS = 5000

/** All versions with traffic burn their budget alike: a dependency, the load. Said once; nobody is blamed, and no return goes on meanwhile. */
export function takeCommonCause(turn: Turn): void {
  const { service, nowMs } = turn
  const found = commonOf(turn)
  if (found && service.common) service.common.burningAtMs = nowMs
  if (service.common && nowMs - service.common.burningAtMs > OVER_AFTER_MS) service.common = undefined
  if (!found || service.common) return
  service.common = { atMs: nowMs, burningAtMs: nowMs, kind: found.kind }
  const { longMs, burn } = shiftRules[0]!
  const weights = weightsIn(service)
  const bad = found.kind === 'errors' ? 'fail' : 'are too slow'
  const [only] = found.names
  const who =
    found.names.length === 1
      ? `${only} burns its budget ${short(found.burn)} times too fast, and nothing else takes requests to compare it with`
      : `all of ${found.names.join(', ')} ${bad} alike, each burning its budget ${short(found.burn)} times too fast or more`
  const finding = {
    reason: `${who}: a common cause, nobody is blamed and nothing moves`,
    metric: found.kind === 'errors' ? 'error burn' : 'slow burn',
    observed: found.burn,
    threshold: burn,
    evidence: found.evidence,
    windowMs: longMs,
    traces: found.traces,
  }
  const dryRun = service.settings.shift.mode === 'dry-run'
  propose(turn, { action: 'common-cause', from: weights, to: weights, dryRun }, finding)
}

interface Common {
  kind: Kind
  names: string[]
  burn: number
  evidence: Record<string, number>
  traces: string[]
}

function commonOf({ service, settings, nowMs }: Turn): Common | undefined {
  const asked = playingVersions(service).filter(([, { window }]) => sumOf(window, SHORT_MS, nowMs)[0]! > 0)
  if (asked.length === 0) return undefined
  for (const kind of ['errors', 'slow'] as const) {
    const target = targetOf(service, kind, settings)
    if (target === undefined || asked.some(([, version]) => evidenceOf(version[kind]) >= SUSPECTED)) continue
    const windows = asked.map(([, { window }]) => window)
    const burn = commonBurn(windows, badOf(kind), target, nowMs)
    if (burn === undefined) continue
    const evidence: Record<string, number> = {}
    for (const [name, { window }] of asked) {
      const { bad, all } = badOf(kind)(window, SHORT_MS, nowMs)
      evidence[`bad of ${name}`] = bad
      evidence[`requests of ${name}`] = all
    }
    const names = asked.map(([name]) => name)
    return { kind, names, burn, evidence, traces: asked.flatMap(([, { traces }]) => traces.slice(-4)).slice(0, 8) }
  }
  return undefined
}
