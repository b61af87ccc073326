/**
 * What the local fuses tell. A proxy holds an endpoint out after `maxFailures` consecutive failures, so a version that always fails shows
 * some three failures a proxy and endpoint, and then no traffic at all: too little for counts alone. But the fuses themselves are
 * evidence, and how often they would all be open by chance can be reckoned.
 *
 * One fuse, fed `n` requests a tick that fail with share p, trips n p^maxFailures times a tick and stays open for T ticks. That k given
 * fuses of m are open together, the last one having just tripped, happens by chance C(m, k) k L (L T)^(k - 1) times a tick, L = n p^maxFailures.
 * p is taken from what the others have shown in the last minutes, at its upper limit; a judgement needs this to be rarer than once in as many
 * ticks as the other tests allow. What hits all versions at once is not chance of this kind: the test of the others' requests must agree too
 * (FUSE_CONTRAST), which is what keeps a short failure of everything from being blamed on the version that had its three requests just then.
 */

/** The others must have been better by this R (see sequential.ts) for fuses to be believed. */
export const FUSE_CONTRAST = 10

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

/** What chance is reckoned with: the upper limit over the last minutes, or what the others fail by just now, when that is more. */
export function chanceShare(others: (spanMs: number) => { bad: number; all: number }): number {
  const long = others(CHANCE_MS)
  let share = failureShareMax(long.bad, long.all)
  for (const spanMs of CHANCE_NOW_MS) {
    const { bad, all } = others(spanMs)
    if (bad > 0) share = Math.max(share, Math.min(1, (bad + Math.sqrt(bad)) / Math.max(1, all)))
  }
  return share
}

const CHANCE_MS = 300_000
const CHANCE_NOW_MS = [5000, 60_000]

export interface Coincidence {
  /** Fuses (one a proxy and endpoint) that are open, of those there are. */
  open: number
  fuses: number
  /** Failures behind each open fuse. */
  failures: number
  /** How long a fuse stays open. */
  openTicks: number
  /** Requests a tick to all of these fuses together, before they opened. */
  requestsPerTick: number
  failureShare: number
}

/** Mean number of ticks between two chance coincidences of this kind, at least 1. */
export function ticksBetween(coincidence: Coincidence): number {
  const { open, fuses, failures, openTicks, requestsPerTick, failureShare } = coincidence
  if (open === 0 || fuses === 0) return 1
  const lnTrips = Math.log(Math.max(requestsPerTick, 1e-3) / fuses) + failures * Math.log(failureShare)
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
