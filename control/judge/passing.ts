import type { JudgeSettings } from './settings.ts'

/**
 * The test the other way: is this one good enough to have more? Wald's sequential probability ratio test, per request, of "as good as the
 * others" against "bad more often than the others by more than the tolerance". Passed at `passAt` to 1: something that is worse by the
 * tolerance passes with probability 1 / passAt at most. Failed at `failAt` to 1 the other way: something as good fails with probability
 * 1 / failAt at most. With the defaults (10 %, 20, 1000) about 30 good requests in a row pass and 3 bad ones fail.
 */
export interface Passing {
  /** ln(likelihood as good / likelihood worse). */
  ln: number
  bad: number
  all: number
}

export const createPassing = (): Passing => ({ ln: 0, bad: 0, all: 0 })

export interface PassingSettings {
  tolerance: number
  passAt: number
  failAt: number
}

/** Adds requests; `restShare` is how often the others are bad at this time. Below 1 % they are taken for 1 %: one bad request is no proof. */
export function stepPassing(
  passing: Passing,
  { bad, all }: { bad: number; all: number },
  restShare: number,
  { tolerance, passAt }: PassingSettings,
): void {
  const good = Math.min(0.5, Math.max(0.01, restShare))
  const worse = Math.min(0.95, good + tolerance)
  passing.ln += bad * Math.log(good / worse) + (all - bad) * Math.log((1 - good) / (1 - worse))
  // What was shown is not saved up against what comes.
  passing.ln = Math.min(passing.ln, Math.log(passAt))
  passing.bad += bad
  passing.all += all
}

/** How many times likelier it is as good than worse, to six digits: what stands in a decision. */
export function likelihoodOf({ ln }: Passing): number {
  return Number(Math.exp(ln).toPrecision(6))
}

export function verdictOf(passing: Passing, { passAt, failAt }: PassingSettings): 'passed' | 'failed' | 'open' {
  if (passing.ln >= Math.log(passAt) - 1e-9) return 'passed'
  return passing.ln <= -Math.log(failAt) ? 'failed' : 'open'
}

export function passingSettings(settings: JudgeSettings): PassingSettings {
  return { tolerance: settings.returnTolerance, passAt: settings.returnEvidence, failAt: settings.relapseEvidence }
}
