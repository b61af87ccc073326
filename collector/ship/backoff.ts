const BASE_MS = 100
const MAX_MS = 5000
/** A server may ask for a longer pause, but not for an hour. */
const ASKED_MS_MAX = 60_000

/**
 * How long to wait before try `attempt` (1: the first retry): full jitter, so that many shippers do not come back together.
 * `random` is in [0, 1); `askedMs` is what the server said in Retry-After.
 */
export function backoffMs(attempt: number, random: number, askedMs?: number): number {
  if (askedMs !== undefined) return Math.min(askedMs, ASKED_MS_MAX) + random * BASE_MS
  return random * Math.min(MAX_MS, BASE_MS * 2 ** Math.min(attempt, 20))
}
