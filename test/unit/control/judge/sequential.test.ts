import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  createTest,
  evidenceOf,
  oddsEvidenceOf,
  oddsRatio,
  resetTest,
  stepTest,
  type Trial,
} from '../../../../control/judge/sequential.ts'
import { poisson, seeded } from './traffic.ts'

const CAP = Math.log(1e8)

/** The formula of the design, as it stands there, on plain numbers. */
function plainOdds(trials: readonly Trial[]): number {
  const grid = Array.from({ length: 24 }, (_, i) => 1.5 * (500 / 1.5) ** (i / 23))
  const r = grid.map(() => 0)
  for (const { bad, all, restBad, restAll } of trials) {
    if (bad + restBad === 0) continue
    const w = all / (all + restAll)
    grid.forEach((d, i) => {
      const lr = d ** bad / (w * d + 1 - w) ** (bad + restBad)
      r[i] = (r[i]! + 1) * Math.min(lr, 1e8)
    })
  }
  return r.reduce((sum, each) => sum + each, 0) / grid.length
}

test('the odds evidence is the mean of R <- (R + 1) d^k / (w d + 1 - w)^n over 24 odds from 1.5 to 500', () => {
  const trial = fc.record({
    bad: fc.integer({ min: 0, max: 3 }),
    good: fc.integer({ min: 20, max: 25 }),
    restBad: fc.integer({ min: 0, max: 5 }),
    restGood: fc.integer({ min: 20, max: 30 }),
  })
  fc.assert(
    fc.property(fc.array(trial, { minLength: 1, maxLength: 20 }), made => {
      const trials = made.map(({ bad, good, restBad, restGood }) => ({
        bad,
        all: bad + good,
        restBad,
        restAll: restBad + restGood,
      }))
      // Before the first bad request of the candidate nothing is kept: what it would add is at most 1 a tick.
      const from = trials.findIndex(({ bad }) => bad > 0)
      const tested = createTest()
      for (const each of trials) stepTest(tested, each, CAP, 0)
      const expected = from < 0 ? 0 : plainOdds(trials.slice(from))
      // Ticks without any bad request fade ln R by 0.005 %.
      assert.ok(Math.abs(Math.log1p(oddsEvidenceOf(tested)) - Math.log1p(expected)) < 0.02)
    }),
  )
})

test('the likelihood ratio has a mean of at most 1 when both are equally good, whatever rates and shares', () => {
  const random = seeded(1)
  for (const [share, rate, requests] of [
    [0.5, 0.3, 10],
    [0.1, 0.05, 40],
    [0.9, 0.5, 12],
  ] as const) {
    let sum = 0
    const trials = 40_000
    for (let i = 0; i < trials; i++) {
      const trial: Trial = { bad: 0, all: 0, restBad: 0, restAll: 0 }
      for (let k = 0; k < requests; k++) {
        const own = random() < share
        const bad = random() < rate ? 1 : 0
        if (own) {
          trial.all++
          trial.bad += bad
        } else {
          trial.restAll++
          trial.restBad += bad
        }
      }
      const tested = createTest()
      stepTest(tested, trial, CAP, 0)
      // After one step from R = 0, R is LR itself.
      sum += evidenceOf(tested)
    }
    assert.ok(sum / trials < 1.1, `mean ${sum / trials} at share ${share}, rate ${rate}`)
  }
})

test('mere time is no evidence: without a bad request R stays small for ever', () => {
  const tested = createTest()
  stepTest(tested, { bad: 1, all: 10, restBad: 0, restAll: 10 }, CAP, 0)
  const before = oddsEvidenceOf(tested)
  for (let i = 0; i < 100_000; i++) stepTest(tested, { bad: 0, all: 10, restBad: 0, restAll: 10 }, CAP, i)
  assert.ok(oddsEvidenceOf(tested) <= before)
  assert.ok(evidenceOf(tested) < 10, `R = ${evidenceOf(tested)}`)
})

test('without others to compare with there is no evidence', () => {
  const tested = createTest()
  for (let i = 0; i < 100; i++) stepTest(tested, { bad: 10, all: 10, restBad: 0, restAll: 0 }, CAP, i)
  assert.equal(evidenceOf(tested), 0)
})

test('what hits both alike cancels: a common failure is no evidence, also when it comes and goes', () => {
  const random = seeded(7)
  const tested = createTest()
  let most = 0
  for (let i = 0; i < 4000; i++) {
    const rate = i % 400 < 80 ? 0.9 : 0.001
    const draw = (n: number) => Array.from({ length: n }).filter(() => random() < rate).length
    const all = poisson(5, random)
    const restAll = poisson(20, random)
    stepTest(tested, { bad: draw(all), all, restBad: draw(restAll), restAll }, CAP, i)
    most = Math.max(most, evidenceOf(tested))
  }
  assert.ok(most < 1e6, `R = ${most}`)
})

test('one tick adds no more than its cap: with the cap of slowness three ticks are needed', () => {
  const tested = createTest()
  const cap = Math.log(1e3)
  const storm: Trial = { bad: 50, all: 50, restBad: 0, restAll: 450 }
  stepTest(tested, storm, cap, 0)
  stepTest(tested, storm, cap, 1)
  assert.ok(evidenceOf(tested) > 1e3 && evidenceOf(tested) < 3e6)
  stepTest(tested, storm, cap, 2)
  assert.ok(evidenceOf(tested) >= 1e6)
})

test('ten failures of ten against none of ten are enough, though the odds alone would want twice as many', () => {
  const tested = createTest()
  for (let i = 0; i < 4; i++) stepTest(tested, { bad: 3, all: 3, restBad: 0, restAll: 3 }, CAP, i)
  assert.ok(evidenceOf(tested) >= 1e6, `R = ${evidenceOf(tested)}`)
  assert.ok(oddsEvidenceOf(tested) < 1e5)
})

test('ticks with requests of one side only are gathered until there is something to compare', () => {
  const alternating = createTest()
  const together = createTest()
  for (let i = 0; i < 12; i++) {
    stepTest(alternating, { bad: 1, all: 1, restBad: 0, restAll: 0 }, CAP, i)
    stepTest(alternating, { bad: 0, all: 0, restBad: 0, restAll: 1 }, CAP, i)
    stepTest(together, { bad: 1, all: 1, restBad: 0, restAll: 1 }, CAP, i)
  }
  assert.ok(evidenceOf(alternating) > evidenceOf(together) / 100)
  assert.ok(evidenceOf(alternating) >= 1e6)
})

test('a fuse that takes a candidate out of a tick does not make its failures look rarer than they are', () => {
  const cut = createTest()
  const whole = createTest()
  for (let i = 0; i < 40; i++)
    for (const each of [cut, whole]) stepTest(each, { bad: 0, all: 100, restBad: 1, restAll: 100 }, CAP, i)
  stepTest(cut, { bad: 3, all: 3, restBad: 0, restAll: 197 }, CAP, 41)
  assert.ok(evidenceOf(cut) < 1e3, `R = ${evidenceOf(cut)}`)
})

test('a reset forgets the evidence and its counts', () => {
  const tested = createTest()
  for (let i = 0; i < 20; i++) stepTest(tested, { bad: 5, all: 5, restBad: 0, restAll: 5 }, CAP, i)
  assert.ok(evidenceOf(tested) > 1e6)
  resetTest(tested, 99)
  assert.equal(evidenceOf(tested), 0)
  assert.deepEqual(tested.since, { bad: 0, all: 0, restBad: 0, restAll: 0, atMs: 99 })
})

test('the odds ratio of nothing bad anywhere is that of the counts, never infinite', () => {
  assert.equal(oddsRatio({ bad: 0, all: 10, restBad: 0, restAll: 10 }), 1)
  assert.ok(Number.isFinite(oddsRatio({ bad: 10, all: 10, restBad: 0, restAll: 10 })))
})
