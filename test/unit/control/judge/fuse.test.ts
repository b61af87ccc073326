import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  chanceShare,
  type FuseReports,
  failureShareMax,
  fusedByMost,
  fusedOf,
  lnChoose,
  noteFused,
  ticksBetween,
} from '../../../../control/judge/fuse.ts'
import { seeded } from './traffic.ts'

test('proxies of several calling services are added, and a report is forgotten when it is not repeated', () => {
  const reports: FuseReports = new Map()
  noteFused(reports, 'report', { fusedBy: 2, knownBy: 2 }, 1000)
  noteFused(reports, 'gateway', { fusedBy: 0, knownBy: 1 }, 4000)
  assert.deepEqual(fusedOf(reports, 4000), { fusedBy: 2, knownBy: 3 })
  assert.deepEqual(fusedOf(reports, 7000), { fusedBy: 0, knownBy: 1 })
})

test('most means more than half', () => {
  assert.equal(fusedByMost({ fusedBy: 1, knownBy: 2 }), false)
  assert.equal(fusedByMost({ fusedBy: 2, knownBy: 3 }), true)
  assert.equal(fusedByMost({ fusedBy: 0, knownBy: 0 }), false)
})

test('the reckoned time between chance coincidences is not longer than what simulated fuses show', () => {
  const [maxFailures, openTicks, failureShare, fuses] = [3, 40, 0.1, 2]
  const reckoned = ticksBetween({ open: 2, fuses, failures: maxFailures, openTicks, requestsPerTick: 4, failureShare })
  const random = seeded(3)
  const state = [
    { run: 0, until: 0 },
    { run: 0, until: 0 },
  ]
  let coincidences = 0
  const ticks = 400_000
  for (let tick = 1; tick <= ticks; tick++) {
    for (const [i, fuse] of state.entries()) {
      for (let k = 0; k < 2 && fuse.until <= tick; k++) {
        fuse.run = random() < failureShare ? fuse.run + 1 : 0
        if (fuse.run < maxFailures) continue
        fuse.run = 0
        fuse.until = tick + openTicks
        if (state[1 - i]!.until > tick) coincidences++
      }
    }
  }
  assert.ok(coincidences > 10)
  assert.ok(reckoned < (2 * ticks) / coincidences, `reckoned ${reckoned}, seen ${ticks / coincidences}`)
})

test('more open fuses are rarer, and nothing is rare when nothing is known of the others', () => {
  const common = { fuses: 4, failures: 3, openTicks: 120, requestsPerTick: 5 }
  const one = ticksBetween({ ...common, open: 1, failureShare: 0.01 })
  const two = ticksBetween({ ...common, open: 2, failureShare: 0.01 })
  assert.ok(two > one * 100)
  assert.equal(ticksBetween({ ...common, open: 4, failureShare: failureShareMax(0, 0) }), 1)
})

test('the upper limit of a failure share holds in 95 of 100 cases', () => {
  const random = seeded(5)
  let below = 0
  for (let i = 0; i < 2000; i++) {
    let bad = 0
    for (let k = 0; k < 300; k++) if (random() < 0.02) bad++
    if (failureShareMax(bad, 300) < 0.02) below++
  }
  assert.ok(below < 100, `${below} of 2000 below`)
})

test('what the others fail by just now counts more than their better past', () => {
  const past = { bad: 3, all: 100_000 }
  const calm = chanceShare(spanMs => (spanMs > 60_000 ? past : { bad: 0, all: 50 }))
  const storm = chanceShare(spanMs => (spanMs > 60_000 ? past : { bad: 10, all: 50 }))
  assert.ok(calm < 0.001)
  assert.ok(storm > 0.2)
})

test('n over k', () => {
  assert.ok(Math.abs(Math.exp(lnChoose(10, 3)) - 120) < 1e-6)
  assert.equal(lnChoose(5, 5), 0)
})
