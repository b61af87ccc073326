import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createLatencies } from '../../../../demo/load/latencies.ts'

test('a percentile is never below the exact one and at most a twentieth above it', () => {
  const samples = fc.array(fc.double({ min: 0.06, max: 100_000, noNaN: true }), { minLength: 1, maxLength: 300 })
  fc.assert(
    fc.property(samples, fc.double({ min: 0.01, max: 1, noNaN: true }), (samples, part) => {
      const latencies = createLatencies()
      samples.forEach(latencies.record)
      const exact = samples.toSorted((a, b) => a - b)[Math.ceil(part * samples.length) - 1] ?? Number.NaN
      const found = latencies.percentileMs(part) ?? Number.NaN
      assert.ok(found >= exact * (1 - 1e-9) && found <= exact * 1.05 * (1 + 1e-9), `${found} for ${exact}`)
    }),
  )
})

test('without a sample there is no percentile and no maximum, also after a reset', () => {
  const latencies = createLatencies()
  assert.equal(latencies.percentileMs(0.5), undefined)
  latencies.record(5)
  latencies.reset()
  assert.equal(latencies.percentileMs(0.5), undefined)
  assert.equal(latencies.maxMs(), undefined)
})

test('a latency beyond the last bucket is told as the maximum', () => {
  const latencies = createLatencies()
  latencies.record(10_000_000)
  assert.equal(latencies.percentileMs(0.99), 10_000_000)
})
