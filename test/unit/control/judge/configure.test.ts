import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceSettings } from '../../../../control/judge/settings.ts'
import { createWorld, SERVICE, shiftDefaults, type World } from './traffic.ts'

const halves = { v1: { weight: 50, endpoints: 2 }, v2: { weight: 50, endpoints: 2 } }

/** v2 fails from the start, so that it is held after a few seconds. */
const heldWorld = (): World => {
  const world = createWorld({
    seed: 1,
    ratePerSecond: 40,
    versions: halves,
    callers: 2,
    fuse: true,
    failing: (version, _endpoint, tick) => (version === 'v2' && tick > 60 ? 1 : 0.001),
  })
  world.run(100)
  assert.deepEqual(weights(world), { v1: 50, v2: 0 })
  return world
}
const weights = (world: World) => Object.fromEntries(world.judge.standing(SERVICE)!.weights)
const configure = (world: World, change: Partial<ServiceSettings>) =>
  world.give({ kind: 'service', settings: { ...world.settings, ...change }, actor: 'file' })

test('a weight that the file changes is a decision of the file, and a hold outlasts it', () => {
  const world = heldWorld()
  const { proposals } = configure(world, {
    versions: new Map([
      ['v1', 70],
      ['v2', 30],
    ]),
  })
  assert.deepEqual(
    proposals.map(({ action, actor, reason }) => [action, actor, reason]),
    [['config', 'file', 'the file asks for other weights: v1 50 -> 70, v2 0 -> 30']],
  )
  assert.deepEqual(weights(world), { v1: 70, v2: 0 })
})

test('the same settings again change nothing and say nothing', () => {
  const world = heldWorld()
  const output = configure(world, {})
  assert.deepEqual(output, { proposals: [], changed: [] })
})

test('a weight in the file takes the place of one that a person had set', () => {
  const world = createWorld({ seed: 2, ratePerSecond: 40, versions: halves, callers: 2, fuse: true, failing: () => 0 })
  world.give({
    kind: 'manual',
    action: { do: 'set-weight', service: SERVICE, version: 'v2', weight: 5 },
    actor: 'person:ada',
    reason: '',
  })
  configure(world, {
    versions: new Map([
      ['v1', 50],
      ['v2', 20],
    ]),
  })
  assert.deepEqual(weights(world), { v1: 50, v2: 20 })
})

test('when the other version loses its last endpoint, a held one gets its weight back: bad answers are better than none', () => {
  const world = heldWorld()
  const { proposals, changed } = configure(world, {
    endpoints: world.settings.endpoints.filter(({ version }) => version === 'v2'),
  })
  assert.deepEqual(
    proposals.map(({ action, version }) => [action, version]),
    [['restore', 'v2']],
  )
  assert.match(proposals[0]!.reason, /no other version can carry requests/)
  assert.deepEqual(changed, [SERVICE])
  assert.deepEqual(weights(world), { v1: 50, v2: 50 })
})

test('turning the shift off lets go of every held weight', () => {
  const world = heldWorld()
  const { proposals } = configure(world, { shift: { ...shiftDefaults, mode: 'off' } })
  assert.deepEqual(
    proposals.map(({ action }) => action),
    ['restore'],
  )
  assert.deepEqual(weights(world), { v1: 50, v2: 50 })
})

test('an endpoint that reconnects within a minute is still ejected, later it is forgotten', () => {
  const world = createWorld({ seed: 3, ratePerSecond: 4, versions: halves, callers: 1, fuse: false, failing: () => 0 })
  const id = 'expense-v1-1'
  const without = world.settings.endpoints.filter(endpoint => endpoint.id !== id)
  world.give({
    kind: 'manual',
    action: { do: 'eject', service: SERVICE, endpoint: id },
    actor: 'person:ada',
    reason: '',
  })
  configure(world, { endpoints: without })
  assert.equal(world.judge.standing(SERVICE)!.health.has(id), false)
  world.run(40)
  configure(world, {})
  assert.equal(world.judge.standing(SERVICE)!.health.get(id), 'ejected')
  configure(world, { endpoints: without })
  world.run(4 * 61)
  configure(world, {})
  assert.equal(world.judge.standing(SERVICE)!.health.get(id), 'healthy')
})

test('an instance id under another version is another program: it starts healthy', () => {
  const world = createWorld({ seed: 4, ratePerSecond: 4, versions: halves, callers: 1, fuse: false, failing: () => 0 })
  const id = 'expense-v1-1'
  world.give({
    kind: 'manual',
    action: { do: 'eject', service: SERVICE, endpoint: id },
    actor: 'person:ada',
    reason: '',
  })
  configure(world, { endpoints: [{ id, version: 'v2' }, ...world.settings.endpoints.slice(1)] })
  assert.equal(world.judge.standing(SERVICE)!.health.get(id), 'healthy')
})

test('a version that leaves takes its weight along, and one that comes has the weight of the file', () => {
  const world = createWorld({ seed: 5, ratePerSecond: 4, versions: halves, callers: 1, fuse: false, failing: () => 0 })
  configure(world, {
    versions: new Map([
      ['v1', 50],
      ['v3', 10],
    ]),
    endpoints: [{ id: 'a', version: 'v1' }],
  })
  assert.deepEqual(weights(world), { v1: 50, v3: 10 })
})

test('endpoints beyond their bound are not judged, and stay healthy for whoever publishes them', () => {
  const world = createWorld({
    seed: 6,
    ratePerSecond: 4,
    versions: { v1: { weight: 1, endpoints: 10 } },
    callers: 1,
    fuse: false,
    failing: () => 0,
    judge: { endpointsMax: 4 },
  })
  assert.equal(world.judge.standing(SERVICE)!.health.size, 4)
})
