import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Sample, SampleSuffix } from '../../../../protocol/prometheus/family.ts'
import { LabelSetMap, labelText, SampleSet } from '../../../../protocol/prometheus/label-set.ts'

const pairs = fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'le'), fc.constantFrom('', '1', 'a=1', '2')), {
  selector: ([name]) => name,
})

/** What a label set is, said in the slow and obvious way. */
function plainKey(labels: [string, string][], inner: string | undefined): string {
  return JSON.stringify(labels.filter(([name]) => name !== inner).sort())
}

test('label sets are one key exactly when they are equal, in any order, the inner label aside', () => {
  fc.assert(
    fc.property(fc.array(pairs, { maxLength: 20 }), fc.constantFrom(undefined, 'le'), (sets, inner) => {
      const map = new LabelSetMap<number>(inner)
      const expected = new Map<string, number>()
      for (const [index, set] of sets.entries()) {
        assert.equal(map.get(set.flat()), expected.get(plainKey(set, inner)))
        map.set(set.flat(), index)
        expected.set(plainKey(set, inner), index)
      }
      for (const set of sets) assert.equal(map.get(set.flat()), expected.get(plainKey(set, inner)))
      assert.equal(new Set(sets.map(set => labelText(set.flat(), inner))).size, expected.size)
    }),
    { seed: 20_200, numRuns: 500 },
  )
})

test('a sample is new exactly when its series and time are', () => {
  const sample = fc.tuple(
    pairs,
    fc.constantFrom<SampleSuffix>('', '_sum', '_bucket'),
    fc.constantFrom(undefined, 0, 1, 1_000_003),
  )
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 30 }), samples => {
      const seen = new SampleSet()
      const expected = new Set<string>()
      for (const [set, suffix, timestampMs] of samples) {
        const key = JSON.stringify([suffix, timestampMs ?? 'now', plainKey(set, undefined)])
        const added: Sample = { suffix, timestampMs, labels: set.flat(), value: 1, exemplar: undefined }
        assert.equal(seen.add(added), !expected.has(key))
        expected.add(key)
      }
    }),
    { seed: 20_200, numRuns: 500 },
  )
})

test('sets that share a hash are still told apart', () => {
  const [one, other] = collidingValues()
  const map = new LabelSetMap<string>(undefined)
  map.set(['a', one], 'one')
  assert.equal(map.get(['a', other]), undefined)
  map.set(['a', other], 'other')
  assert.deepEqual([map.get(['a', one]), map.get(['a', other])], ['one', 'other'])
  const seen = new SampleSet()
  const sample = (value: string): Sample => ({
    suffix: '',
    labels: ['a', value],
    value: 1,
    timestampMs: undefined,
    exemplar: undefined,
  })
  assert.deepEqual(
    [one, other, one, other].map(value => seen.add(sample(value))),
    [true, true, false, false],
  )
})

/** Two values that leave FNV-1a in one state behind the label name `a`: found by search, as an adversary would. */
function collidingValues(): [string, string] {
  const seen = new Map<number, string>()
  for (let index = 0; index < 1_000_000; index++) {
    const value = (Math.imul(index, 0x9e3779b1) >>> 0).toString(36) + (Math.imul(index, 0x85ebca6b) >>> 0).toString(36)
    let hash = 0x811c9dc5
    for (const byte of Buffer.from(`a${value}`)) hash = Math.imul(hash ^ byte, 16_777_619)
    const before = seen.get(hash)
    if (before !== undefined) return [before, value]
    seen.set(hash, value)
  }
  throw new Error('no collision found: the hash was changed, and this test with it')
}
