import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import type { Failure } from '../failures.ts'

/** A request or a connection that was denied. */
export interface Denied {
  readonly intention: string
  readonly source: string
  readonly sourceId: string
  readonly failure: Failure | undefined
  readonly peerAddress: string
  readonly request?: { readonly method: string }
  readonly traceId?: string
}

/** Tells of denials: a line at once, then at most one in ten seconds for the same intention and caller, with how many there were between. */
export type DenialLog = (denied: Denied) => void

const EVERY_MS = 10_000
const KEYS_MAX = 1000

interface Told {
  untilMs: number
  between: number
}

export function denialLog(clock: Pick<Clock, 'now'>, log: Log): DenialLog {
  let told = new Map<string, Told>()
  return ({ intention, source, sourceId, failure, request, peerAddress, traceId }) => {
    const key = `${intention} ${source || sourceId}`
    const nowMs = clock.now()
    const last = told.get(key)
    if (last !== undefined && nowMs < last.untilMs) {
      last.between++
      return
    }
    // Many callers at once: what was counted between is lost with them, no line of a new one is.
    if (told.size >= KEYS_MAX) told = new Map()
    told.set(key, { untilMs: nowMs + EVERY_MS, between: 0 })
    const between =
      last === undefined || last.between === 0 ? '' : ` (${last.between} more like it since the last line)`
    log.warn(
      { intention, source: source || sourceId, method: request?.method, peer: peerAddress, traceId },
      `denied: ${failure?.detail ?? intention}${between}`,
    )
  }
}
