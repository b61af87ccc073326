import type { DataState } from '../../protocol/decision.ts'
import type { Tick } from '../../protocol/tick.ts'

/**
 * Three states of data: traffic (there is something to judge), idle (nobody asks: hold), dark (nobody tells: freeze). Silence never
 * moves a weight, in neither direction.
 */

/** Who reports, by the service it stands beside. */
export interface Reporters {
  present: Map<string, number>
  /** Instances that fell silent, by service. */
  missing: Map<string, string[]>
}

export function reportersOf(tick: Tick): Reporters {
  const present = new Map<string, number>()
  for (const { service } of tick.reporters) present.set(service, (present.get(service) ?? 0) + 1)
  const missing = new Map<string, string[]>()
  for (const { service, instance } of tick.missing) {
    const silent = missing.get(service)
    if (silent) silent.push(instance)
    else missing.set(service, [instance])
  }
  return { present, missing }
}

/** Callers are known by what they asked in the last 10 minutes. */
const CALLER_KEPT_MS = 600_000
const CALLERS_MAX = 1000

/** Notes that a service calls this one. */
export function noteCaller(callers: Map<string, number>, source: string, nowMs: number): void {
  if (callers.has(source) || callers.size < CALLERS_MAX) callers.set(source, nowMs)
}

/**
 * The state of one service's data. Dark: it has callers, some are missing, and none reports; a caller that left for good (neither
 * present nor missing) darkens nothing.
 */
export function dataOf(
  callers: Map<string, number>,
  reporters: Reporters,
  { lastRequestAtMs, idleAfterMs, nowMs }: { lastRequestAtMs: number; idleAfterMs: number; nowMs: number },
): { data: DataState; missing: string[] } {
  const missing: string[] = []
  let present = 0
  for (const [source, seenAtMs] of callers) {
    if (nowMs - seenAtMs > CALLER_KEPT_MS) callers.delete(source)
    else {
      present += reporters.present.get(source) ?? 0
      missing.push(...(reporters.missing.get(source) ?? []))
    }
  }
  if (missing.length > 0 && present === 0) return { data: 'dark', missing }
  return { data: nowMs - lastRequestAtMs > idleAfterMs ? 'idle' : 'traffic', missing }
}
