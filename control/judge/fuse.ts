import { evidenceOf, type SequentialTest } from './sequential.ts'

/**
 * What the local fuses tell. A proxy holds an endpoint out after `maxFailures` consecutive failures, so a version that always fails shows
 * some three failures a proxy and endpoint, and then no traffic at all: too little for counts alone. But the fuses themselves are
 * evidence, and how often they would all be open by chance can be reckoned.
 *
 * One fuse, fed `n` requests a tick that fail with share p, trips n p^maxFailures times a tick and stays open for T ticks. That k given
 * fuses of m are open together, the last one having just tripped, happens by chance C(m, k) k L (L T)^(k - 1) times a tick, L = n p^maxFailures.
 * p is taken from what the others have shown in the last minutes, at its upper limit; a judgement needs this to be rarer than once in as many
 * ticks as the other tests allow. What hits all versions at once is not chance of this kind: the test of the others' requests must agree too
 * (betterOthers), which is what keeps a short failure of everything from being blamed on the version that had its three requests just then.
 */

/** The others must have been better by this R (see sequential.ts) for fuses to be believed. */
const CONTRAST = 10
/** Or so unlikely must it be that everything failed for a moment and only this one was asked in it. */
const MISSED_MAX = 1 / 50
const OTHERS_MIN = 10
const OTHERS_BAD_MAX = 0.05

/**
 * Whether the others were better while these failures came: by R; or, since R cannot grow any more once the fuses have taken the traffic
 * away, because a failure of everything would not have missed all of the others' requests (share of requests to the power of failures)
 * and they have been well ever since.
 */
export function betterOthers(
  test: SequentialTest,
  { share, failures, restBad, restAll }: { share: number; failures: number; restBad: number; restAll: number },
): boolean {
  if (evidenceOf(test) >= CONTRAST) return true
  return share ** failures <= MISSED_MAX && restAll >= OTHERS_MIN && restBad <= OTHERS_BAD_MAX * restAll
}

/** A fuse report is believed for this long: a proxy repeats it with every line in which the endpoint is held out. */
const FUSE_FRESH_MS = 5000

/** By calling service: how many of its proxies hold the endpoint out, of how many that know it. */
export type FuseReports = Map<string, { fusedBy: number; knownBy: number; atMs: number }>

export interface Fused {
  fusedBy: number
  knownBy: number
}

/** Adds up the fresh reports of all calling services. */
export function fusedOf(reports: FuseReports, nowMs: number): Fused {
  const fused = { fusedBy: 0, knownBy: 0 }
  for (const report of reports.values()) {
    if (nowMs - report.atMs > FUSE_FRESH_MS) continue
    fused.fusedBy += report.fusedBy
    fused.knownBy += report.knownBy
  }
  return fused
}

/** Takes a caller's word, and forgets what has become stale. */
export function noteFused(reports: FuseReports, source: string, fused: Fused, nowMs: number): void {
  for (const [other, { atMs }] of reports) if (nowMs - atMs > FUSE_FRESH_MS) reports.delete(other)
  reports.set(source, { ...fused, atMs: nowMs })
}

/** More than half of the proxies that know it hold it out. */
export function fusedByMost({ fusedBy, knownBy }: Fused): boolean {
  return knownBy > 0 && fusedBy * 2 > knownBy
}

/** Upper limit (about 95 %) of a failure share, after `bad` of `all`; 1 when nothing is known. */
export function failureShareMax(bad: number, all: number): number {
  return Math.min(1, (bad + 3 + 2 * Math.sqrt(bad)) / (all + 3))
}

export interface Coincidence {
  /** Fuses (one a proxy and endpoint) that are open, of those there are. */
  open: number
  fuses: number
  maxFailures: number
  /** How long a fuse stays open. */
  openTicks: number
  /** Requests a tick to all of these fuses together, before they opened. */
  requestsPerTick: number
  failureShare: number
}

/** Mean number of ticks between two chance coincidences of this kind, at least 1. */
export function ticksBetween(coincidence: Coincidence): number {
  const { open, fuses, maxFailures, openTicks, requestsPerTick, failureShare } = coincidence
  if (open === 0 || fuses === 0) return 1
  const lnTrips = Math.log(Math.max(requestsPerTick, 1e-3) / fuses) + maxFailures * Math.log(failureShare)
  const lnOpen = Math.min(0, lnTrips + Math.log(openTicks))
  const lnRate = lnChoose(fuses, open) + Math.log(open) + lnTrips + (open - 1) * lnOpen
  return Math.exp(Math.min(60, Math.max(0, -lnRate)))
}

/** Natural logarithm of n over k. */
export function lnChoose(n: number, k: number): number {
  let sum = 0
  for (let i = 1; i <= Math.min(k, n - k); i++) sum += Math.log((n - i + 1) / i)
  return sum
}
