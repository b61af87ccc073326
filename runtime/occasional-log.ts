import type { Clock } from './clock.ts'

/** A log for what anybody outside can cause as often as he likes: of each kind one line a period, which tells how many were left out. */
export function occasionalLog(
  clock: Clock,
  periodMs: number,
  write: (line: string) => void,
): (kind: string, line: string) => void {
  const kinds = new Map<string, { sinceMs: number; leftOut: number }>()
  return (kind, line) => {
    const nowMs = clock.now()
    const last = kinds.get(kind)
    if (last !== undefined && nowMs - last.sinceMs < periodMs) {
      last.leftOut++
      return
    }
    write(
      last === undefined || last.leftOut === 0
        ? line
        : `${line} (and ${last.leftOut} more like it since the last line)`,
    )
    kinds.set(kind, { sinceMs: nowMs, leftOut: 0 })
  }
}
