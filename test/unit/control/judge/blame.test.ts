import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { blame } from '../../../../control/judge/blame.ts'

const well = { bad: 1, all: 1000 }
const endpoint = (id: string, bad: number, all: number) => ({ id, bad, all })

test('failures on one endpoint of two, the other as good as everybody else: the host', () => {
  const blamed = blame([endpoint('a', 8, 8), endpoint('b', 0, 8)], well)
  assert.deepEqual(blamed.on === 'hosts' && blamed.hosts, ['a'])
})

test('failures on both endpoints: the version', () => {
  assert.equal(blame([endpoint('a', 6, 6), endpoint('b', 5, 5)], well).on, 'version')
  assert.equal(blame([endpoint('a', 9, 100), endpoint('b', 7, 100)], well).on, 'version')
})

test('a version with one endpoint is to blame itself', () => {
  assert.equal(blame([endpoint('a', 5, 5)], well).on, 'version')
})

test('three bad endpoints of four are the version, two are hosts', () => {
  const bad = (id: string) => endpoint(id, 20, 20)
  const good = (id: string) => endpoint(id, 0, 20)
  assert.equal(blame([bad('a'), bad('b'), bad('c'), good('d')], well).on, 'version')
  const two = blame([bad('a'), good('b'), bad('c'), good('d')], well)
  assert.deepEqual(two.on === 'hosts' && [...two.hosts].sort(), ['a', 'c'])
})

test('with few requests the question stays open', () => {
  assert.equal(blame([endpoint('a', 3, 3), endpoint('b', 0, 1)], well).on, 'undecided')
  assert.equal(blame([endpoint('a', 3, 3), endpoint('b', 0, 0)], well).on, 'undecided')
})

test('an endpoint that fails only as often as everybody does is no host to blame', () => {
  const crowd = Array.from({ length: 8 }, (_, i) => endpoint(`e${i}`, 5, 100))
  assert.equal(blame([...crowd, endpoint('bad', 90, 100)], { bad: 50, all: 1000 }).on, 'hosts')
  const blamed = blame([...crowd, endpoint('bad', 90, 100)], { bad: 50, all: 1000 })
  assert.deepEqual(blamed.on === 'hosts' && blamed.hosts, ['bad'])
})

test('the order of endpoints does not matter, and hosts are never more than half', () => {
  const counts = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 })), {
    minLength: 1,
    maxLength: 8,
  })
  fc.assert(
    fc.property(counts, made => {
      const endpoints = made.map(([bad, good], i) => endpoint(`e${i}`, bad, bad + good))
      const blamed = blame(endpoints, well)
      const turned = blame([...endpoints].reverse(), well)
      assert.equal(turned.on, blamed.on)
      assert.ok(Number.isFinite(blamed.lnRatio))
      if (blamed.on !== 'version') assert.ok(blamed.hosts.length <= endpoints.length / 2)
    }),
  )
})
