import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { choose } from '../../../../proxy/send/balance.ts'

/** A generator with a seed (mulberry32), so that a distribution is the same in every run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const idle = (count: number) => Array.from({ length: count }, (_, id) => ({ id, active: 0 }))

test('round robin takes each in turn, also when the list has become shorter', () => {
  const turn = { next: 0 }

  const taken = [3, 3, 3, 3, 3, 2, 2].map(size => choose('round-robin', idle(size), turn, Math.random).id)

  assert.deepEqual(taken, [0, 1, 2, 0, 1, 0, 1])
})

test('least request never takes the busiest of several, and of two always the one with less to do', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat({ max: 1000 }), { minLength: 2, maxLength: 20 }), fc.integer(), (loads, seed) => {
      const list = loads.map(active => ({ active }))
      const taken = choose('least-request', list, { next: 0 }, seeded(seed))
      assert.ok(taken.active < Math.max(...loads))
      if (list.length === 2) assert.equal(taken.active, Math.min(...loads))
    }),
  )
})

for (const policy of ['random', 'least-request'] as const) {
  test(`${policy} spreads evenly over endpoints that are equally busy`, () => {
    const list = idle(10)
    const random = seeded(7)
    const counts = new Array<number>(10).fill(0)

    for (let n = 0; n < 10_000; n++) counts[choose(policy, list, { next: 0 }, random).id]!++

    for (const count of counts) assert.ok(count > 850 && count < 1150, String(counts))
  })
}
