/** When a certificate is asked for: pure arithmetic, `random` in [0, 1). */

const RETRY_BASE_MS = 500
const RETRY_MAX_MS = 60_000
/** Without a certificate that is valid nothing else can be done. */
const RETRY_WITHOUT_MAX_MS = 5000
const REISSUE_SPREAD_MS = 5000
const WAIT_LEAST_MS = 20

/** How long to wait with a certificate that came at `receivedMs`: to about the half of its life, spread so that a fleet does not ask at once. */
export function renewalDelayMs(
  { receivedMs, notAfterMs }: { receivedMs: number; notAfterMs: number },
  nowMs: number,
  random: number,
): number {
  const lifeMs = notAfterMs - receivedMs
  return Math.max(WAIT_LEAST_MS, receivedMs + lifeMs * (0.45 + 0.1 * random) - nowMs)
}

/**
 * After a failure: doubled each time with jitter; where less is left, in tenths of that, so that a short life still allows several tries.
 * `leftMs` of the present certificate, 0 and less: there is none.
 */
export function retryDelayMs(failures: number, leftMs: number, random: number): number {
  const grownMs = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** Math.min(failures, 16))
  const cappedMs = Math.min(grownMs, leftMs > 0 ? leftMs / 10 : RETRY_WITHOUT_MAX_MS)
  return Math.max(WAIT_LEAST_MS, cappedMs * (0.5 + random / 2))
}

/** Certificates come from another root now: soon, but not everybody in the same moment, and long before this one ends. */
export function reissueDelayMs(leftMs: number, random: number): number {
  return Math.max(WAIT_LEAST_MS, random * Math.min(REISSUE_SPREAD_MS, Math.max(0, leftMs) / 4))
}
