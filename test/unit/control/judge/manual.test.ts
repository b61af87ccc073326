import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ManualAction } from '../../../../control/judge/manual.ts'
import { createWorld, SERVICE, shiftDefaults, type World } from './traffic.ts'

const halves = { v1: { weight: 50, endpoints: 2 }, v2: { weight: 50, endpoints: 2 } }

const failing = (seed: number, settings = {}): World =>
  createWorld({
    seed,
    ratePerSecond: 40,
    versions: halves,
    callers: 2,
    fuse: true,
    failing: (version, _endpoint, tick) => (version === 'v2' && tick > 100 ? 1 : 0.001),
    settings,
  })
const act = (world: World, action: ManualAction, reason = 'because') =>
  world.give({ kind: 'manual', action, actor: 'person:ada', reason })
const weights = (world: World) => Object.fromEntries(world.judge.standing(SERVICE)!.weights)
const judged = (world: World) => world.log.filter(({ actor }) => actor === 'judge').map(({ action }) => action)

test('a pinned weight is not moved by the judge, whatever its version does', () => {
  const world = failing(1)
  act(world, { do: 'pin', service: SERVICE, version: 'v2' })
  world.run(400)
  assert.deepEqual(weights(world), { v1: 50, v2: 50 })
  assert.ok(!judged(world).includes('shift'))
  const standing = world.judge.standing(SERVICE)!.versions.get('v2')!
  assert.equal(standing.pinned, true)
  act(world, { do: 'unpin', service: SERVICE, version: 'v2' })
  world.run(600, () => judged(world).includes('shift'))
  assert.deepEqual(weights(world), { v1: 50, v2: 0 })
})

test('what a person does is logged with who and why, from and to', () => {
  const world = failing(2)
  const { proposals, changed } = act(world, { do: 'set-weight', service: SERVICE, version: 'v2', weight: 10 }, 'canary')
  assert.deepEqual(changed, [SERVICE])
  const [proposal] = proposals
  assert.equal(proposal?.action, 'manual')
  assert.equal(proposal?.actor, 'person:ada')
  assert.equal(proposal?.reason, 'canary')
  assert.deepEqual(
    [proposal?.from, proposal?.to],
    [
      { v1: 50, v2: 50 },
      { v1: 50, v2: 10 },
    ],
  )
})

test('a weight that a person sets takes the place of a hold, and the judge may move it again on new evidence', () => {
  const world = failing(3)
  world.run(140)
  assert.deepEqual(weights(world), { v1: 50, v2: 0 })
  act(world, { do: 'set-weight', service: SERVICE, version: 'v2', weight: 30 })
  assert.deepEqual(weights(world), { v1: 50, v2: 30 })
  world.run(600, () => weights(world)['v2'] === 0)
  assert.deepEqual(weights(world), { v1: 50, v2: 0 })
})

test('the judge gives held weight back when a person takes the last other weight away', () => {
  const world = failing(4)
  world.run(140)
  const { proposals } = act(world, { do: 'set-weight', service: SERVICE, version: 'v1', weight: 0 })
  assert.deepEqual(
    proposals.map(({ action, actor }) => [action, actor]),
    [
      ['manual', 'person:ada'],
      ['restore', 'judge'],
    ],
  )
  assert.deepEqual(weights(world), { v1: 0, v2: 50 })
})

test('an endpoint that a person ejected stays out until a person takes it back', () => {
  const world = createWorld({
    seed: 5,
    ratePerSecond: 40,
    versions: halves,
    callers: 2,
    fuse: true,
    failing: () => 0.001,
  })
  const endpoint = 'expense-v1-1'
  act(world, { do: 'eject', service: SERVICE, endpoint })
  world.run(4 * 400)
  assert.equal(world.judge.standing(SERVICE)!.health.get(endpoint), 'ejected')
  assert.equal(world.judge.standing(SERVICE)!.endpoints.get(endpoint)!.manual, true)
  act(world, { do: 'uneject', service: SERVICE, endpoint })
  assert.equal(world.judge.standing(SERVICE)!.health.get(endpoint), 'healthy')
})

test('what cannot be done is refused with what there is, and nothing is written', () => {
  const world = failing(6)
  for (const [action, expected] of [
    [{ do: 'pin', service: SERVICE, version: 'v9' }, /no version v9; it has v1, v2/],
    [{ do: 'eject', service: SERVICE, endpoint: 'x' }, /no endpoint x; it has expense-v1-1/],
    [{ do: 'unpin', service: 'nobody', version: 'v1' }, /no service nobody; there are expense/],
    [{ do: 'set-weight', service: SERVICE, version: 'v1', weight: -1 }, /weight -1 is not between 0 and/],
    [{ do: 'set-weight', service: SERVICE, version: 'v1', weight: Number.NaN }, /weight NaN is not between/],
  ] as [ManualAction, RegExp][]) {
    const { proposals, changed, refused } = act(world, action)
    assert.match(refused!, expected)
    assert.deepEqual([proposals, changed], [[], []])
  }
})

test('in dry-run the decision is written once in a hold time, and nothing moves', () => {
  const world = failing(7, { shift: { ...shiftDefaults, mode: 'dry-run' } })
  world.run(100 + 4 * 29)
  const shifts = world.log.filter(({ action }) => action === 'shift')
  assert.equal(shifts.length, 1)
  assert.equal(shifts[0]!.dryRun, true)
  assert.deepEqual(shifts[0]!.to, { v1: 50, v2: 0 })
  assert.deepEqual(weights(world), { v1: 50, v2: 50 })
})

test('in dry-run a bad host is named and not ejected', () => {
  const world = createWorld({
    seed: 8,
    ratePerSecond: 40,
    versions: halves,
    callers: 2,
    fuse: true,
    failing: (_version, endpoint, tick) => (endpoint === 'expense-v2-1' && tick > 100 ? 1 : 0.001),
    settings: { shift: { ...shiftDefaults, mode: 'dry-run' } },
  })
  world.run(200)
  assert.deepEqual(
    world.log.map(({ action, dryRun, endpoint }) => [action, dryRun, endpoint]),
    [['eject', true, 'expense-v2-1']],
  )
  assert.equal(world.judge.standing(SERVICE)!.health.get('expense-v2-1'), 'healthy')
})

test('with shift off no weight moves', () => {
  const world = failing(9, { shift: { ...shiftDefaults, mode: 'off' } })
  world.run(400)
  assert.deepEqual(weights(world), { v1: 50, v2: 50 })
  assert.ok(!world.log.some(({ action }) => action === 'shift'))
})
