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
  /** ln(R + 1) by odds and by pair, up to the last whole block; empty while nothing bad was seen. */
  odds: number[]
  pair: number[]
  /** The block that is being filled, and how many ticks it has taken. */
  block: Trial & { ticks: number }
  /** R with the unfinished block counted in. */
  r: number
  rOdds: number
  /** Faded counts: what share of requests the candidate had, and how often the others failed, before this block. */
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

/**
 * ln R fades to its half within an hour of ticks without a bad request, so that a fault of yesterday is not added to one of today. R only
 * sinks by it: the bound holds.
 */
const FADE = Math.LN2 / 14_400
/**
 * At a few requests a second most ticks hold requests of one side only and compare nothing. Ticks are gathered into blocks of this many
 * requests, with both sides among them, or this many ticks. R is looked at in every tick all the same.
 */
const BLOCK_REQUESTS = 6
const BLOCK_TICKS_MAX = 8
/** The share of requests is remembered for some 8 blocks, the failure rate of the others for some 200. */
const SHARE_KEEP = 1 - 1 / 8
const RATE_KEEP = 1 - 1 / 200
/** Below this R the evidence counts start anew. */
const FRESH_BELOW = 10
const LN_R_MAX = 60

export function createTest(): SequentialTest {
  return {
    odds: [],
    pair: [],
    block: { bad: 0, all: 0, restBad: 0, restAll: 0, ticks: 0 },
    r: 0,
    rOdds: 0,
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
  test.block = { bad: 0, all: 0, restBad: 0, restAll: 0, ticks: 0 }
  test.r = test.rOdds = 0
  test.since = { bad: 0, all: 0, restBad: 0, restAll: 0, atMs: nowMs }
}

/** Takes one tick in. `evidenceMax`: the most (natural logarithm) that one block, at any but low rates one tick, may add to any R. */
export function stepTest(test: SequentialTest, trial: Trial, evidenceMax: number, nowMs: number): void {
  if (test.r < FRESH_BELOW) test.since = { bad: 0, all: 0, restBad: 0, restAll: 0, atMs: nowMs }
  addTrial(test.since, trial)
  addTrial(test.block, trial)
  test.block.ticks++
  if (test.block.bad > 0 && test.odds.length === 0) {
    test.odds = ODDS.map(() => 0)
    test.pair = PAIR.map(() => 0)
  }
  const { all, restAll, ticks } = test.block
  const whole = (all > 0 && restAll > 0 && all + restAll >= BLOCK_REQUESTS) || ticks >= BLOCK_TICKS_MAX
  if (test.odds.length > 0) judgeBlock(test, whole, evidenceMax)
  if (!whole) return
  const { block } = test
  test.ownAll = test.ownAll * SHARE_KEEP + block.all
  test.othersAll = test.othersAll * SHARE_KEEP + block.restAll
  test.restBad = test.restBad * RATE_KEEP + block.restBad
  test.restAll = test.restAll * RATE_KEEP + block.restAll
  test.block = { bad: 0, all: 0, restBad: 0, restAll: 0, ticks: 0 }
}

/** R: the mean over both families. */
export function evidenceOf(test: SequentialTest): number {
  return test.r
}

/** R of the odds alone. */
export function oddsEvidenceOf(test: SequentialTest): number {
  return test.rOdds
}

/** How often the others failed before this block, a share; 1 % as long as little is known. */
export function restRateOf(test: SequentialTest): number {
  return Math.min(0.5, Math.max(0.001, (test.restBad + 0.5) / (test.restAll + 50)))
}

/** How many times the odds of the others the candidate's are, with half a request added everywhere so that 0 of n divides. */
export function oddsRatio({ bad, all, restBad, restAll }: Trial): number {
  return ((bad + 0.5) / (all - bad + 0.5)) * ((restAll - restBad + 0.5) / (restBad + 0.5))
}

function judgeBlock(test: SequentialTest, whole: boolean, evidenceMax: number): void {
  const trial = comparable(test, test.block)
  const { odds, pair } = trial.all > 0 && trial.restAll > 0 ? grownBy(test, trial, evidenceMax) : test
  test.rOdds = meanR(odds)
  test.r = (test.rOdds + meanR(pair)) / 2
  if (!whole) return
  // A block without a bad request says nothing about the odds: LR would be 1, and counting it would let R reach its limit by mere time.
  test.odds = trial.bad + trial.restBad > 0 ? odds : test.odds.map(ln => ln * (1 - FADE))
  test.pair = pair
}

function grownBy(test: SequentialTest, trial: Trial, evidenceMax: number): Pick<SequentialTest, 'odds' | 'pair'> {
  const allBad = trial.bad + trial.restBad
  const share = trial.all / (trial.all + trial.restAll)
  const q0 = restRateOf(test)
  const odds = (ln: number, i: number) =>
    grown(ln, trial.bad * LN_ODDS[i]! - allBad * Math.log(share * ODDS[i]! + 1 - share), evidenceMax)
  const pair = (ln: number, i: number) =>
    PAIR[i]! < 1.5 * q0 ? 0 : grown(ln, pairEvidence(trial, share, q0, PAIR[i]!), evidenceMax)
  return { odds: allBad > 0 ? test.odds.map(odds) : test.odds, pair: test.pair.map(pair) }
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
