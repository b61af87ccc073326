import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BACKLOG_MS_MAX, createArrivals } from '../../../../demo/load/arrivals.ts'

test('however often one looks, as many requests are due as the rate says, each at its own time', () => {
  const steps = fc.array(fc.integer({ min: 0, max: BACKLOG_MS_MAX }), { maxLength: 60 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), steps, (rate, steps) => {
      const arrivals = createArrivals(rate, 0)
      let nowMs = 0
      const due: number[] = []
      for (const step of steps) {
        nowMs += step
        const taken = arrivals.take(nowMs)
        assert.equal(taken.skipped, 0)
        due.push(...taken.dueMs)
      }
      assert.ok(Math.abs(due.length - (nowMs * rate) / 1_000) <= 1, `${due.length} due after ${nowMs} ms at ${rate}/s`)
      due.forEach((ms, n) => {
        assert.ok(ms <= nowMs)
        assert.ok(Math.abs(ms - (n + 1) * (1_000 / rate)) < 0.01)
      })
    }),
  )
})

test('after a stall, what is more than a second late is skipped and counted', () => {
  const arrivals = createArrivals(10, 0)
  const { dueMs, skipped } = arrivals.take(5_000)
  assert.deepEqual([dueMs.length, skipped], [11, 39])
  assert.equal(dueMs[0], 4_000)
  assert.deepEqual(arrivals.take(5_099), { dueMs: [], skipped: 0 })
})

test('a rate of 0 pauses, and a rate given later goes on from there', () => {
  const arrivals = createArrivals(0, 0)
  assert.deepEqual(arrivals.take(10_000), { dueMs: [], skipped: 0 })
  assert.equal(arrivals.nextMs(), Number.POSITIVE_INFINITY)
  arrivals.setRate(10, 10_000)
  assert.deepEqual(arrivals.take(10_000).dueMs, [10_000])
  assert.equal(arrivals.nextMs(), 10_100)
})

test('setting the rate again and again does not put off the next request', () => {
  const arrivals = createArrivals(1, 0)
  for (let nowMs = 0; nowMs < 1_000; nowMs += 100) arrivals.setRate(1, nowMs)
  assert.deepEqual(arrivals.take(1_000).dueMs, [1_000])
})
