/**
 * Is this one worse than the others? A sequential test over ticks that may be looked at after every one of them.
 *
 * It is a Shiryaev-Roberts e-detector (arXiv 2203.03532): with LR a likelihood ratio whose mean is at most 1 as long as both are equally
 * good, R <- (R + 1) LR grows by at most 1 a tick on average, so an alarm at R >= N comes at the earliest once in N ticks on average:
 * 1e6 ticks of 250 ms are 69 hours. An average of such detectors is one again; this one averages two families, half and half.
 *
 * - odds: given a bad request, it is the candidate's with probability w (its share of requests), or w d / (w d + 1 - w) when its odds
 *   are d times those of the others: LR = d^(candidate's bad) / (w d + 1 - w)^(all bad), for 24 values of d from 1.5 to 500. Only bad
 *   requests speak, so it sees 5 % against 0.1 % soon, but each bad one says at most 1 / w.
 * - pair: the candidate fails with q1 and the others with q0, against both with w q1 + (1 - w) q0; the good requests of both speak too
 *   (an exact e-variable whatever the common rate: Turner, Ly, Gruenwald, arXiv 2106.02693). Of ten requests each, ten bad against none is
 *   4^10 here and 2^10 there: at 20 requests a second that is the difference between one second and two.
 *
 * What hits both alike cancels in both, also when it changes from tick to tick, and so do changing weights.
 */

/** One tick's counts: bad and all requests of the candidate, and of all others together. */
export interface Trial {
  bad: number
  all: number
  restBad: number
  restAll: number
}

export interface SequentialTest {
  /** ln(R + 1) by odds and by pair; empty while nothing bad was seen. */
  odds: number[]
  pair: number[]
  /** Faded counts: what share of requests the candidate had, and how often the others failed, before this tick. */
  ownAll: number
  othersAll: number
  restBad: number
  restAll: number
  /** Counts since R was last small: what the evidence consists of. */
  since: Trial & { atMs: number }
}

const ODDS = Array.from({ length: 24 }, (_, i) => 1.5 * (500 / 1.5) ** (i / 23))
const LN_ODDS = ODDS.map(Math.log)
/** How often a bad candidate may fail; what lies between is caught by a neighbour. */
const PAIR = [0.1, 0.4, 0.8, 0.97]

/** ln R fades to its half within an hour of ticks without a bad request, so that a fault of yesterday is not added to one of today. R only sinks by it: the bound holds. */
const FADE = Math.LN2 / 14_400
/** The share of requests is remembered for some 8 ticks, the failure rate of the others for some 200. */
const SHARE_KEEP = 1 - 1 / 8
const RATE_KEEP = 1 - 1 / 200
/** Below this R the evidence counts start anew. */
const FRESH_BELOW = 10
const LN_R_MAX = 60

export function createTest(): SequentialTest {
  return {
    odds: [],
    pair: [],
    ownAll: 0,
    othersAll: 0,
    restBad: 0,
    restAll: 0,
    since: { bad: 0, all: 0, restBad: 0, restAll: 0, atMs: 0 },
  }
}

/** Forgets the evidence, keeps what is known of shares and rates. */
export function resetTest(test: SequentialTest, nowMs: number): void {
  test.odds = []
  test.pair = []
  test.since = { bad: 0, all: 0, restBad: 0, restAll: 0, atMs: nowMs }
}

/** Takes one tick in. `evidenceMax`: the most (natural logarithm) that one tick may add to any R. */
export function stepTest(test: SequentialTest, trial: Trial, evidenceMax: number, nowMs: number): void {
  if (evidenceOf(test) < FRESH_BELOW) test.since = { bad: 0, all: 0, restBad: 0, restAll: 0, atMs: nowMs }
  addTrial(test.since, trial)
  if (trial.bad > 0 && test.odds.length === 0) {
    test.odds = ODDS.map(() => 0)
    test.pair = PAIR.map(() => 0)
  }
  if (test.odds.length > 0 && trial.all > 0) judgeTick(test, comparable(test, trial), evidenceMax)
  test.ownAll = test.ownAll * SHARE_KEEP + trial.all
  test.othersAll = test.othersAll * SHARE_KEEP + trial.restAll
  test.restBad = test.restBad * RATE_KEEP + trial.restBad
  test.restAll = test.restAll * RATE_KEEP + trial.restAll
}

/** R: the mean over both families. */
export function evidenceOf(test: SequentialTest): number {
  return (meanR(test.odds) + meanR(test.pair)) / 2
}

/** R of the odds alone. */
export function oddsEvidenceOf(test: SequentialTest): number {
  return meanR(test.odds)
}

/** How often the others failed before this tick, a share; 1 % as long as little is known. */
export function restRateOf(test: SequentialTest): number {
  return Math.min(0.5, Math.max(0.001, (test.restBad + 0.5) / (test.restAll + 50)))
}

/** How many times the odds of the others the candidate's are, with half a request added everywhere so that 0 of n divides. */
export function oddsRatio({ bad, all, restBad, restAll }: Trial): number {
  return ((bad + 0.5) / (all - bad + 0.5)) * ((restAll - restBad + 0.5) / (restBad + 0.5))
}

function judgeTick(test: SequentialTest, trial: Trial, evidenceMax: number): void {
  const all = trial.all + trial.restAll
  const allBad = trial.bad + trial.restBad
  const share = trial.all / all
  // A tick without a bad request, or with nobody to compare with, says nothing about the odds: LR would be 1, and counting it
  // would let R reach its limit by mere time.
  if (allBad > 0 && trial.restAll > 0) {
    for (let i = 0; i < ODDS.length; i++) {
      const evidence = trial.bad * LN_ODDS[i]! - allBad * Math.log(share * ODDS[i]! + 1 - share)
      test.odds[i] = grown(test.odds[i]!, evidence, evidenceMax)
    }
  } else for (let i = 0; i < ODDS.length; i++) test.odds[i] = test.odds[i]! * (1 - FADE)
  if (trial.restAll === 0) return
  const q0 = restRateOf(test)
  for (let i = 0; i < PAIR.length; i++) {
    const q1 = PAIR[i]!
    if (q1 < 1.5 * q0) test.pair[i] = 0
    else test.pair[i] = grown(test.pair[i]!, pairEvidence(trial, share, q0, q1), evidenceMax)
  }
}

function pairEvidence({ bad, all, restBad, restAll }: Trial, share: number, q0: number, q1: number): number {
  const both = share * q1 + (1 - share) * q0
  const candidate = bad * Math.log(q1 / both) + (all - bad) * Math.log((1 - q1) / (1 - both))
  return candidate + restBad * Math.log(q0 / both) + (restAll - restBad) * Math.log((1 - q0) / (1 - both))
}

/**
 * A local fuse ends a candidate's traffic just when it fails, so its share of such a tick is small because of its failures, and would
 * make each of them look rarer than it is. The share is taken as at least this part of what it was before; the others' good requests are
 * thinned out to fit.
 */
const SHARE_SLACK = 0.6

function comparable(test: SequentialTest, trial: Trial): Trial {
  const known = test.ownAll + test.othersAll
  const shareMin = known > 0 ? SHARE_SLACK * (test.ownAll / known) : 0
  if (shareMin <= 0 || trial.all >= shareMin * (trial.all + trial.restAll)) return trial
  const restAll = Math.max(trial.restBad, (trial.all * (1 - shareMin)) / shareMin)
  return { ...trial, restAll }
}

/** ln((R + 1) LR + 1) from ln(R + 1). */
function grown(lnR1: number, evidence: number, evidenceMax: number): number {
  const x = lnR1 + Math.min(evidence, evidenceMax)
  const next = x > 30 ? x : Math.log1p(Math.exp(x))
  return Math.min(LN_R_MAX, next)
}

function meanR(lnR1: readonly number[]): number {
  if (lnR1.length === 0) return 0
  let sum = 0
  for (const ln of lnR1) sum += Math.expm1(ln)
  return sum / lnR1.length
}

function addTrial(to: Trial, trial: Trial): void {
  to.bad += trial.bad
  to.all += trial.all
  to.restBad += trial.restBad
  to.restAll += trial.restAll
}
