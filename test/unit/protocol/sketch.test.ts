import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bucketOf, countSlower, mergeSparse, quantileMs, SKETCH_BUCKETS, sparse } from '../../../protocol/sketch.ts'

const latenciesMs = fc.array(fc.double({ min: 0.01, max: 3_000_000, noNaN: true }), { minLength: 1, maxLength: 300 })
const sketchOf = (values: readonly number[]): number[] => {
  const counts = new Uint32Array(SKETCH_BUCKETS)
  for (const value of values) counts[bucketOf(value * 1000)]!++
  return sparse(counts)
}

test('every quantile is within 2 % of the true one', () => {
  fc.assert(
    fc.property(latenciesMs, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
      const sorted = [...values].sort((a, b) => a - b)
      const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1]!
      const told = quantileMs(sketchOf(values), q)!
      assert.ok(Math.abs(told - exact) <= exact * 0.0201, `${told} for ${exact}`)
    }),
  )
})

test('merging sketches is sketching all values', () => {
  fc.assert(
    fc.property(latenciesMs, latenciesMs, (a, b) =>
      assert.deepEqual(mergeSparse(sketchOf(a), sketchOf(b)), sketchOf([...a, ...b])),
    ),
  )
})

test('counting the slower ones errs only within 2 % of the threshold', () => {
  fc.assert(
    fc.property(latenciesMs, fc.double({ min: 1, max: 10_000, noNaN: true }), (values, threshold) => {
      const told = countSlower(sketchOf(values), threshold)
      const surely = values.filter(value => value > threshold * 1.05).length
      const perhaps = values.filter(value => value > threshold * 0.95).length
      assert.ok(told >= surely && told <= perhaps)
    }),
  )
})

test('an empty sketch has no quantile', () => assert.equal(quantileMs([], 0.5), undefined))
