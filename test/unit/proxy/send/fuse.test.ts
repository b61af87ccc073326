import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PassiveHealthCheck } from '../../../../protocol/snapshot.ts'
import { eject, mayEject, newFuse, noteFailure, noteSuccess, ripen } from '../../../../proxy/send/fuse.ts'

const policy: PassiveHealthCheck = {
  intervalMs: 10_000,
  maxFailures: 3,
  baseEjectionMs: 30_000,
  maxEjectionMs: 100_000,
  maxEjected: 0.5,
  panicBelow: 0.5,
}

test('the third failure in a row is one too many; a success in between starts the count anew', () => {
  const fuse = newFuse()

  assert.deepEqual([noteFailure(fuse, policy, 0, false), noteFailure(fuse, policy, 1, false)], [false, false])
  noteSuccess(fuse, 2, false)
  assert.deepEqual(
    [3, 4, 5].map(now => noteFailure(fuse, policy, now, false)),
    [false, false, true],
  )
})

test('failures further apart than the interval do not add up', () => {
  const fuse = newFuse()

  assert.deepEqual(
    [0, 10_001, 20_002, 30_003].map(now => noteFailure(fuse, policy, now, false)),
    [false, false, false, false],
  )
  assert.deepEqual(
    [40_003, 50_003].map(now => noteFailure(fuse, policy, now, false)),
    [false, true],
  )
})

test('an ejection lasts base x n, at most max, and n heals with time spent in good health', () => {
  const fuse = newFuse()

  const lengths = [0, 40_000, 110_000, 250_000].map(now => {
    const lengthMs = eject(fuse, policy, now)
    ripen(fuse, now + lengthMs)
    noteSuccess(fuse, now + lengthMs, true)
    return lengthMs
  })
  assert.deepEqual(lengths, [30_000, 60_000, 90_000, 90_000])
  assert.equal(eject(fuse, policy, 1_000_000), 30_000)
})

test('half-open, only the probe counts: its failure blows the fuse at once, its success closes it', () => {
  const fuse = newFuse()
  eject(fuse, policy, 0)

  assert.equal(ripen(fuse, 29_999), false)
  assert.equal(ripen(fuse, 30_000), true)
  assert.equal(noteFailure(fuse, policy, 30_001, false), false, 'a request from before the ejection says nothing new')
  assert.equal(noteSuccess(fuse, 30_001, false), false)
  assert.equal(noteFailure(fuse, policy, 30_002, true), true)
  eject(fuse, policy, 30_002)
  ripen(fuse, 100_000)
  assert.equal(noteSuccess(fuse, 100_001, true), true)
  assert.equal(fuse.state, 'healthy')
})

test('failures of requests that were under way when it was ejected do not prolong it', () => {
  const fuse = newFuse()
  eject(fuse, policy, 0)

  for (let now = 1; now < 10; now++) assert.equal(noteFailure(fuse, policy, now, false), false)

  assert.equal(fuse.untilMs, 30_000)
})

test('the first ejection is always allowed, the next ones up to the share', () => {
  assert.equal(mayEject(0, 1, 0), true)
  assert.equal(mayEject(0, 2, 0.1), true)
  assert.equal(mayEject(1, 2, 0.5), false)
  assert.equal(mayEject(4, 10, 0.5), true)
  assert.equal(mayEject(5, 10, 0.5), false)
})

test('whatever happens, an endpoint is out only after enough failures or a failed probe, and always comes back', () => {
  const step = fc.record({ fails: fc.boolean(), probe: fc.boolean(), waitMs: fc.nat({ max: 120_000 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const fuse = newFuse()
      let now = 0
      let row = 0
      for (const { fails, probe, waitMs } of steps) {
        now += waitMs
        ripen(fuse, now)
        const before = fuse.state
        row = fails ? row + 1 : 0
        if (!fails) noteSuccess(fuse, now, probe)
        else if (noteFailure(fuse, policy, now, probe)) {
          assert.ok(before === 'half-open' ? probe : row >= policy.maxFailures)
          eject(fuse, policy, now)
          assert.ok(fuse.untilMs - now <= policy.maxEjectionMs)
        }
      }
      ripen(fuse, now + policy.maxEjectionMs)
      assert.notEqual(fuse.state, 'fused')
    }),
  )
})
