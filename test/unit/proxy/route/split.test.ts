import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileSplit, pickByWeight, pickSticky, stickyKeyOf } from '../../../../proxy/route/split.ts'

const split = (versions: Record<string, number>) =>
  compileSplit(Object.fromEntries(Object.entries(versions).map(([name, weight]) => [name, { weight }])))

test('versions are drawn in the shares of their weights, and weight 0 never', () => {
  const versions = split({ v1: 70, v2: 30, v3: 0 })
  const seen = { v1: 0, v2: 0, v3: 0 }
  for (let i = 0; i < 1000; i++) seen[pickByWeight(versions, i / 1000) as keyof typeof seen]++
  assert.deepEqual(seen, { v1: 700, v2: 300, v3: 0 })
})

test('without any weight there is no version', () => {
  assert.equal(pickByWeight(split({ v1: 0 }), 0.5), undefined)
  assert.equal(pickSticky(split({}), 'key'), undefined)
})

test('a sticky key stays with its version, however the weights of the others are written', () => {
  fc.assert(
    fc.property(fc.string(), key => {
      assert.equal(pickSticky(split({ v1: 50, v2: 50 }), key), pickSticky(split({ v2: 5, v1: 5 }), key))
    }),
  )
})

test('a ramp only ever adds keys to the growing version, and leaves the others where they were', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1 }),
      fc.integer({ min: 1, max: 99 }),
      fc.integer({ min: 1, max: 99 }),
      (key, a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)]
        const before = pickSticky(split({ v1: 50, v2: 50, v3: less }), key)
        const now = pickSticky(split({ v1: 50, v2: 50, v3: more }), key)
        assert.ok(now === before || now === 'v3', `${before} -> ${now}`)
      },
    ),
  )
})

test('sticky keys spread by weight', () => {
  const counts = { v1: 0, v2: 0 }
  for (let i = 0; i < 20_000; i++) counts[pickSticky(split({ v1: 90, v2: 10 }), `user-${i}`) as keyof typeof counts]++
  assert.ok(counts.v2 > 1700 && counts.v2 < 2300, String(counts.v2))
})

test('the key is read from the header or the cookie of that name', () => {
  assert.equal(stickyKeyOf(['x-user', 'rosa'], { header: 'x-user' }), 'rosa')
  assert.equal(stickyKeyOf(['cookie', 'a=1; session=xyz; b=2'], { cookie: 'session' }), 'xyz')
  assert.equal(stickyKeyOf(['cookie', 'mysession=1'], { cookie: 'session' }), '')
})
