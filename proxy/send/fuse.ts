import type { PassiveHealthCheck } from '../../protocol/snapshot.ts'

/**
 * The local fuse of one endpoint: consecutive failures blow it, time makes it half-open, one good probe closes it. Pure but for the record
 * it is given; `nowMs` is monotonic.
 */
export interface Fuse {
  state: 'healthy' | 'fused' | 'half-open'
  /** Failures in a row, each within the policy's interval of the one before. */
  consecutive: number
  lastFailureMs: number
  /** Ejections that count for the length of the next one. */
  ejections: number
  untilMs: number
  returnedMs: number
  /** Half-open: the one probe is under way. */
  probing: boolean
}

export function newFuse(): Fuse {
  return {
    state: 'healthy',
    consecutive: 0,
    lastFailureMs: 0,
    ejections: 0,
    untilMs: 0,
    returnedMs: 0,
    probing: false,
  }
}

/**
 * Notes a failure. True: the endpoint is to be ejected now, if so many may be. Failures of requests that were under way when it was
 * ejected say nothing new, and count only when the endpoint is in use, or when they are the probe's.
 */
export function noteFailure(fuse: Fuse, policy: PassiveHealthCheck, nowMs: number, isProbe: boolean): boolean {
  if (fuse.state === 'half-open') return isProbe
  if (fuse.state === 'fused') return false
  fuse.consecutive = fuse.consecutive > 0 && nowMs - fuse.lastFailureMs <= policy.intervalMs ? fuse.consecutive + 1 : 1
  fuse.lastFailureMs = nowMs
  return fuse.consecutive >= policy.maxFailures
}

/** Notes a success. True: the endpoint has shown itself, and is back. */
export function noteSuccess(fuse: Fuse, nowMs: number, isProbe: boolean): boolean {
  if (fuse.state === 'healthy') {
    fuse.consecutive = 0
    return false
  }
  if (fuse.state !== 'half-open' || !isProbe) return false
  fuse.state = 'healthy'
  fuse.consecutive = 0
  fuse.probing = false
  fuse.returnedMs = nowMs
  return true
}

/** Ejects for base x n, at most max; n falls by one for each base time spent in good health since the return. Returns the length in ms. */
export function eject(fuse: Fuse, policy: PassiveHealthCheck, nowMs: number): number {
  if (fuse.state === 'healthy' && fuse.ejections > 0) {
    const healed = Math.floor((nowMs - fuse.returnedMs) / Math.max(1, policy.baseEjectionMs))
    fuse.ejections = Math.max(0, fuse.ejections - healed)
  }
  fuse.ejections++
  const lengthMs = Math.min(policy.baseEjectionMs * fuse.ejections, policy.maxEjectionMs)
  fuse.state = 'fused'
  fuse.consecutive = 0
  fuse.probing = false
  fuse.untilMs = nowMs + lengthMs
  return lengthMs
}

/** True once, when the time of a fused endpoint is over: it is half-open then. */
export function ripen(fuse: Fuse, nowMs: number): boolean {
  if (fuse.state !== 'fused' || nowMs < fuse.untilMs) return false
  fuse.state = 'half-open'
  fuse.probing = false
  return true
}

/** Whether one more of `total` endpoints may be out when `out` already are. The first always may, however small the service. */
export function mayEject(out: number, total: number, maxEjected: number): boolean {
  return out + 1 <= Math.max(1, Math.floor(maxEjected * total))
}
