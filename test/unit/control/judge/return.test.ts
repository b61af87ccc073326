import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld, type World } from './traffic.ts'

const halves = { v1: { weight: 50, endpoints: 2 }, v2: { weight: 50, endpoints: 2 } }
const SECOND = 4

/** v2 fails from tick 200 until `wellFrom`, and again within `again`. */
function failingWorld(
  seed: number,
  wellFrom: number,
  again: [number, number] = [0, 0],
  rate: number | ((tick: number) => number) = 40,
): World {
  return createWorld({
    seed,
    ratePerSecond: rate,
    versions: halves,
    callers: 2,
    fuse: true,
    failing: (version, _endpoint, tick) =>
      version === 'v2' && ((tick > 200 && tick < wellFrom) || (tick > again[0] && tick < again[1])) ? 1 : 0.001,
  })
}
const weight = (world: World) => world.judge.standing('expense')!.weights.get('v2')!
const actions = (world: World) => world.log.map(({ action }) => action)

test('a version that is well again comes back by rising steps to its full weight, each with its evidence', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = failingWorld(seed, 260)
    world.run(320 * SECOND, () => world.log.length > 1 && weight(world) === 50)
    assert.equal(weight(world), 50, `seed ${seed}: ${actions(world)}`)
    assert.equal(actions(world)[0], 'shift')
    const steps = world.log.filter(({ action }) => action === 'restore')
    const weights = steps.map(({ to }) => (to as Record<string, number>)['v2']!)
    assert.ok(steps.length >= 4, `${weights}`)
    assert.deepEqual(
      [...weights].sort((a, b) => a - b),
      weights,
    )
    assert.equal(weights.at(-1), 50)
    const [shift, first] = world.log
    assert.ok(first!.tick - shift!.tick >= 30 * SECOND, 'held for its time')
    assert.ok(steps.at(-1)!.tick - first!.tick >= 57 * SECOND, 'returned over its time')
    for (const step of steps.slice(1))
      assert.ok(step.observed >= step.threshold && Number(step.evidence['requests']) >= 20)
  }
})

test('a version that still fails leaves again after at most a few failures, and is held twice as long each time', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = failingWorld(seed, 1e9)
    world.run(260)
    const before = world.failed.get('v2')!
    world.run(400 * SECOND)
    const shifts = world.log.filter(({ action }) => action === 'shift')
    const probes = world.log.filter(({ action }) => action === 'restore')
    assert.ok(shifts.length >= 3, `${actions(world)}`)
    const holds = probes.map(({ evidence }) => evidence['held for ms'])
    assert.deepEqual(holds.slice(0, 3), [30_000, 60_000, 120_000].slice(0, holds.length))
    const cost = (world.failed.get('v2')! - before) / probes.length
    assert.ok(cost <= 5, `seed ${seed}: ${cost} failures a return`)
    assert.ok(probes.every(({ to }) => (to as Record<string, number>)['v2']! <= 2.5))
  }
})

test('a version on probation is no place to send everybody to: the one that carries the rest stays, however it fails', () => {
  for (let seed = 1; seed <= 10; seed++) {
    let onProbation = false
    const world = createWorld({
      seed,
      ratePerSecond: 100,
      versions: halves,
      callers: 2,
      fuse: false,
      failing: (version, _endpoint, tick) => {
        if (version === 'v2') return tick > 200 && tick < 260 ? 1 : 0
        return onProbation ? 0.3 : 0
      },
    })
    world.run(80 * SECOND, () => weight(world) === 0)
    world.run(80 * SECOND, () => weight(world) > 0)
    onProbation = true
    for (let tick = 0; tick < 20 * SECOND && weight(world) < 50; tick++) {
      world.run(1)
      assert.equal(world.judge.standing('expense')!.weights.get('v1'), 50, `seed ${seed}: ${actions(world)}`)
    }
  }
})

test('the hold time does not grow beyond its bound', () => {
  const world = createWorld({
    seed: 3,
    ratePerSecond: 40,
    versions: halves,
    callers: 2,
    fuse: false,
    failing: (version, _endpoint, tick) => (version === 'v2' && tick > 100 ? 1 : 0.001),
    judge: { holdForMaxMs: 60_000 },
  })
  world.run(500 * SECOND)
  const holds = world.log.filter(({ action }) => action === 'restore').map(({ evidence }) => evidence['held for ms'])
  assert.ok(holds.length >= 4)
  assert.deepEqual([...new Set(holds)], [30_000, 60_000])
})

test('a relapse in the middle of the return takes the weight to 0 at once', () => {
  const world = failingWorld(6, 240)
  world.run(4000, () => weight(world) === 12.5)
  assert.equal(weight(world), 12.5)
  const again = failingWorld(6, 240, [world.tick, 1e9])
  again.run(world.tick)
  assert.equal(weight(again), 12.5)
  const took = again.run(100, () => weight(again) === 0)
  assert.ok(took <= 4 * SECOND, `${took} ticks`)
  assert.equal(again.log.at(-1)!.action, 'shift')
})

test('without requests a return waits and says so once, and goes on when they come', () => {
  let rate = 40
  const world = failingWorld(4, 260, [0, 0], () => rate)
  world.run(600, () => actions(world).includes('restore'))
  rate = 0
  world.run(200 * SECOND)
  assert.equal(weight(world), 2.5)
  const frozen = world.log.filter(({ action }) => action === 'freeze')
  assert.equal(frozen.length, 1)
  assert.equal(frozen[0]!.data, 'idle')
  assert.match(frozen[0]!.reason, /^v2 got no request for .* it stays there until it has shown itself/)
  rate = 40
  world.run(400 * SECOND, () => weight(world) === 50)
  assert.ok(actions(world).includes('thaw'))
  assert.equal(weight(world), 50)
})

test('a version that is held stays held while nobody asks for anything', () => {
  const world = failingWorld(4, 260, [0, 0], tick => (tick > 240 ? 0 : 40))
  world.run(400 * SECOND)
  assert.equal(weight(world), 0)
  assert.deepEqual(actions(world), ['shift'])
})

test('no minute brings back more of a service than is allowed', () => {
  const world = createWorld({
    seed: 5,
    ratePerSecond: 100,
    versions: halves,
    callers: 2,
    fuse: false,
    failing: (version, _endpoint, tick) => (version === 'v2' && tick > 100 && tick < 140 ? 1 : 0),
    settings: { shift: { mode: 'automatic', holdForMs: 10_000, returnOverMs: 10_000, maxChangePerMinute: 0.1 } },
  })
  const perTick: number[] = []
  world.run(600 * SECOND, () => {
    perTick.push(weight(world))
    return perTick.length > 200 && weight(world) === 50
  })
  assert.equal(weight(world), 50)
  for (let i = 150; i + 60 * SECOND < perTick.length; i++)
    assert.ok(perTick[i + 60 * SECOND]! - perTick[i]! <= 10 + 1e-6, `tick ${i}`)
})

const BAD = 'expense-v2-1'
const badHost = (seed: number, wellFrom: number) =>
  createWorld({
    seed,
    ratePerSecond: 40,
    versions: halves,
    callers: 2,
    fuse: true,
    failing: (_version, endpoint, tick) => (endpoint === BAD && tick > 200 && tick < wellFrom ? 1 : 0.001),
  })

test('an ejected endpoint is probed by a trickle before it is healthy again', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = badHost(seed, 230)
    world.run(200 * SECOND, () => actions(world).includes('restore'))
    assert.deepEqual(actions(world), ['eject', 'probe', 'restore'], `seed ${seed}`)
    const [eject, probe, restore] = world.log
    assert.equal(probe!.tick - eject!.tick, 30 * SECOND)
    assert.ok(Number(restore!.evidence['requests']) >= 20)
    assert.equal(world.judge.standing('expense')!.health.get(BAD), 'healthy')
  }
})

test('an endpoint that still fails is out again after at most three failures, each time for longer', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = badHost(seed, 1e9)
    world.run(260)
    const before = world.failed.get('v2')!
    world.run(300 * SECOND)
    const probes = world.log.filter(({ action }) => action === 'probe')
    const times = world.log.filter(({ action }) => action === 'eject').map(({ evidence }) => evidence['ejected for ms'])
    assert.ok(probes.length >= 2, `${actions(world)}`)
    assert.deepEqual(times.slice(0, 3), [30_000, 60_000, 90_000])
    assert.ok((world.failed.get('v2')! - before) / probes.length <= 4)
    assert.equal(weight(world), 50)
  }
})
