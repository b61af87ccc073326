import assert from 'node:assert/strict'
import { test } from 'node:test'
import { burning, burnOf, commonBurn, sloStandings } from '../../../../control/judge/guard.ts'
import { addTo, serviceWindow, sumOf, versionWindow, type Window } from '../../../../control/judge/windows.ts'

const HOUR = 3_600_000
const failures = (window: Window, spanMs: number, nowMs: number) => {
  const sums = sumOf(window, spanMs, nowMs)
  return { bad: sums[1]!, all: sums[0]! }
}

/** Fills a version's window with so many requests a second for the last minutes. */
function filled(badPer100: number, perSecond: number, seconds: number): Window {
  const window = versionWindow()
  for (let second = 0; second < seconds; second++) {
    const bad = (perSecond * badPer100) / 100
    addTo(window, [perSecond, bad, 0, 0, 0, 0, 0], second * 1000)
  }
  return window
}

test('burn 1 spends the budget in exactly the window', () => {
  assert.ok(Math.abs(burnOf(1, 1000, 0.999) - 1) < 1e-9)
  assert.ok(Math.abs(burnOf(144, 10_000, 0.999) - 14.4) < 1e-9)
  assert.equal(burnOf(0, 0, 0.999), 0)
})

test('a page comes when one hour and five minutes burn 14.4 fold, and not while the short window is well again', () => {
  const window = serviceWindow()
  const slo = { availability: 0.999, windowMs: 30 * 24 * HOUR }
  let nowMs = 10 * HOUR
  for (let minute = 0; minute < 60; minute++) {
    nowMs += 60_000
    addTo(window, [100, 2, 0], nowMs)
  }
  const [burningNow] = sloStandings(window, slo, nowMs)
  assert.deepEqual(burningNow?.alert && [burningNow.alert.severity, burningNow.alert.burn], ['page', 14.4])
  for (let minute = 0; minute < 10; minute++) {
    nowMs += 60_000
    addTo(window, [100, 0, 0], nowMs)
  }
  const [later] = sloStandings(window, slo, nowMs)
  assert.notEqual(later?.alert?.burn, 14.4)
})

test('budget left and time to exhaustion follow from what was spent and the pace of the last hour', () => {
  const window = serviceWindow()
  const windowMs = 30 * 24 * HOUR
  let nowMs = 100 * HOUR
  for (let minute = 0; minute < 60; minute++) {
    nowMs += 60_000
    addTo(window, [1000, 2, 0], nowMs)
  }
  const [standing] = sloStandings(window, { availability: 0.999, windowMs }, nowMs)
  assert.ok(standing)
  assert.equal(standing.requests, 60_000)
  assert.equal(standing.bad, 120)
  assert.ok(Math.abs(standing.budgetLeft - -1) < 1e-9)
  assert.equal(standing.exhaustedInMs, 0)
  assert.ok(Math.abs(standing.burn['1h']! - 2) < 0.1)
})

test('a latency objective is reckoned by slow requests', () => {
  const window = serviceWindow()
  addTo(window, [100, 0, 10], HOUR)
  const [standing] = sloStandings(window, { latency: { underMs: 250, share: 0.99 }, windowMs: HOUR }, HOUR)
  assert.equal(standing?.kind, 'latency')
  assert.equal(standing?.bad, 10)
})

test('a version that burns while the others do not is found, and its counts are given', () => {
  const found = burning(filled(10, 10, 60), [filled(0, 90, 60)], failures, 0.999, 59_000)
  assert.ok(found)
  assert.equal(found.bad, 60)
  assert.equal(found.restBad, 0)
  assert.equal(found.rule.burn, 14.4)
})

test('one bad request at low traffic burns many fold and is not enough', () => {
  const window = versionWindow()
  for (let second = 0; second < 60; second++) addTo(window, [1, second === 58 ? 1 : 0, 0, 0, 0, 0, 0], second * 1000)
  assert.equal(burning(window, [filled(0, 1, 60)], failures, 0.999, 59_000), undefined)
})

test('a version that burns like the others is not found, they have a common cause', () => {
  const own = filled(10, 10, 60)
  const other = filled(10, 90, 60)
  assert.equal(burning(own, [other], failures, 0.999, 59_000), undefined)
  assert.ok(Math.abs(commonBurn([own, other], failures, 0.999, 59_000)! - 100) < 1e-6)
  assert.equal(commonBurn([own, filled(0, 90, 60)], failures, 0.999, 59_000), undefined)
})

test('a fault that is over does not burn: the short window is well', () => {
  const window = versionWindow()
  for (let second = 0; second < 60; second++) addTo(window, [10, second < 30 ? 5 : 0, 0, 0, 0, 0, 0], second * 1000)
  assert.equal(burning(window, [filled(0, 90, 60)], failures, 0.999, 59_000), undefined)
})
