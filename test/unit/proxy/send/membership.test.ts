import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { EndpointHealth, Upstream } from '../../../../protocol/snapshot.ts'
import type { Endpoint } from '../../../../proxy/send/endpoint.ts'
import { eject } from '../../../../proxy/send/fuse.ts'
import { Membership } from '../../../../proxy/send/membership.ts'
import { upstreamOf } from '../../../support/proxy-harness.ts'

const passiveHealthCheck = {
  intervalMs: 10_000,
  maxFailures: 3,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjected: 0.5,
  panicBelow: 0.5,
}

function membershipOf(
  endpoints: [version: string, health?: EndpointHealth][],
  change: Partial<Upstream> = {},
): Membership {
  return new Membership(
    upstreamOf(
      endpoints.map(([version, health = 'healthy']) => ({ version, health })),
      { passiveHealthCheck, ...change },
    ),
  )
}

function fuse(membership: Membership, ...ids: string[]): void {
  for (const id of ids) eject(membership.endpoints.get(id)!.fuse, passiveHealthCheck, 0)
  membership.sort()
}

test('with too few healthy the fuse is ignored, but not the word of control', () => {
  const membership = membershipOf([['v1'], ['v1'], ['v1'], ['v1', 'ejected']])
  fuse(membership, 'e0', 'e1')

  const picked = new Set(Array.from({ length: 30 }, () => membership.pick('v1', false, [], 0, Math.random)?.id))

  assert.equal(membership.panic, true)
  assert.deepEqual([...picked].sort(), ['e0', 'e1', 'e2'])
})

test('when control has taken out every endpoint, all are used: a wrong verdict must not empty a service', () => {
  const membership = membershipOf([
    ['v1', 'ejected'],
    ['v1', 'ejected'],
  ])

  assert.notEqual(membership.pick('v1', false, [], 0, Math.random), undefined)
})

test('healthy hosts of a version without weight are no comfort: the last host with weight is used though its fuse is blown', () => {
  const membership = membershipOf([['v1'], ['v2']], { versions: { v1: { weight: 50 }, v2: { weight: 0 } } })
  fuse(membership, 'e0')

  assert.equal(membership.panic, true)
  assert.equal(membership.pick('v1', false, [], 0, Math.random)?.id, 'e0')
})

test('half of the endpoints healthy is not yet panic', () => {
  const membership = membershipOf([['v1'], ['v2']])
  fuse(membership, 'e1')

  assert.equal(membership.panic, false)
  assert.equal(membership.pick('v2', false, [], 0, Math.random)?.id, 'e0')
  assert.equal(membership.pick('v2', true, [], 0, Math.random), undefined)
})

test('a request that falls over goes to the other versions by their weight', () => {
  const membership = membershipOf([['v1'], ['v2'], ['v3', 'ejected']], {
    versions: { v1: { weight: 3 }, v2: { weight: 1 }, v3: { weight: 1 } },
  })

  const at = (random: number) => membership.pick('v3', false, [], 0, () => random)?.version

  assert.deepEqual([at(0), at(0.74), at(0.76), at(0.99)], ['v1', 'v1', 'v2', 'v2'])
})

test('an endpoint keeps its fuse over a policy change, and loses it with its address or with the check', () => {
  const given = upstreamOf(
    [
      { id: 'a', address: '127.0.0.1:1' },
      { id: 'b', address: '127.0.0.1:2' },
    ],
    { passiveHealthCheck },
  )
  const membership = new Membership(given)
  fuse(membership, 'a')
  const before = membership.endpoints.get('a')

  const gone = membership.replace({ ...given, endpoints: [given.endpoints[0]!] })
  assert.deepEqual(
    gone.map(({ id }) => id),
    ['b'],
  )
  assert.equal(membership.endpoints.get('a'), before)
  assert.equal(before?.fuse.state, 'fused')

  const { passiveHealthCheck: _, ...without } = given
  membership.replace(without)
  assert.equal(before?.fuse.state, 'healthy')

  membership.replace({ ...given, endpoints: [{ ...given.endpoints[0]!, address: '127.0.0.1:9' }] })
  assert.notEqual(membership.endpoints.get('a'), before)
  assert.equal(before?.gone, true)
})

test('a retry goes to an endpoint that was not tried for as long as there is one', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 0, max: 3 }),
      fc.boolean(),
      (same, others, pinned) => {
        const membership = membershipOf([
          ...Array.from({ length: same }, (): [string] => ['v1']),
          ...Array.from({ length: others }, (): [string] => ['v2']),
        ])
        const tried: Endpoint[] = []
        const reachable = pinned ? same : same + others
        for (let n = 0; n < reachable; n++) {
          const endpoint: Endpoint = membership.pick('v1', pinned, tried, 0, Math.random)!
          assert.equal(tried.includes(endpoint), false)
          assert.equal(endpoint.version, n < same ? 'v1' : 'v2', 'its own version first')
          tried.push(endpoint)
        }
        assert.notEqual(membership.pick('v1', pinned, tried, 0, Math.random), undefined, 'then one of those tried')
      },
    ),
  )
})

test('whatever the states, an endpoint that control ejected is picked only when it ejected all', () => {
  const health = fc.constantFrom<EndpointHealth>('healthy', 'ejected', 'probing')
  fc.assert(
    fc.property(fc.array(fc.tuple(health, fc.boolean()), { minLength: 1, maxLength: 8 }), states => {
      const membership = membershipOf(states.map(([state]) => ['v1', state]))
      fuse(membership, ...states.flatMap(([, fused], n) => (fused ? [`e${n}`] : [])))
      const allEjected = states.every(([state]) => state === 'ejected')
      for (let n = 0; n < 10; n++) {
        const endpoint = membership.pick('v1', false, [], n * 400, Math.random)
        if (endpoint !== undefined && endpoint.health === 'ejected') assert.ok(allEjected)
      }
    }),
  )
})
