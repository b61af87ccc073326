import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld, SERVICE, seeded, type World } from './traffic.ts'

/** What must never happen to versions that are equally good. */
function assertNothingMoved(world: World, seed: number): void {
  const moved = world.log.filter(({ action, actor }) => actor === 'judge' && action !== 'common-cause')
  assert.deepEqual(
    moved.map(({ action, reason }) => `${action}: ${reason}`),
    [],
    `seed ${seed}`,
  )
}

const halves = { v1: { weight: 50, endpoints: 2 }, v2: { weight: 50, endpoints: 2 } }
const TICKS = 2000

for (const base of [0, 0.001, 0.01])
  test(`a hundred trials of equal versions that fail ${base * 100} % of 2 to 20 rps: nothing moves`, () => {
    for (let seed = 1; seed <= 100; seed++) {
      const ratePerSecond = 2 + (seed % 10) * 2
      const world = createWorld({
        seed,
        ratePerSecond,
        versions: halves,
        callers: 1 + (seed % 3),
        fuse: seed % 2 === 0,
        failing: () => base,
      })
      world.run(TICKS)
      assertNothingMoved(world, seed)
    }
  })

test('a hundred trials of equal versions while a person changes the weights and the load swings: nothing moves', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = seeded(seed * 31)
    const world = createWorld({
      seed,
      ratePerSecond: tick => 20 * (1 + 0.8 * Math.sin(tick / 100)),
      versions: { v1: { weight: 90, endpoints: 2 }, v2: { weight: 10, endpoints: 2 } },
      callers: 2,
      fuse: true,
      failing: () => 0.01,
    })
    for (let round = 0; round < 10; round++) {
      world.run(TICKS / 10)
      const weight = 2 + Math.floor(random() * 95)
      for (const [version, share] of [
        ['v1', 100 - weight],
        ['v2', weight],
      ] as const)
        world.give({
          kind: 'manual',
          action: { do: 'set-weight', service: SERVICE, version, weight: share },
          actor: 'person:ada',
          reason: 'trial',
        })
    }
    assertNothingMoved(world, seed)
  }
})

test('twelve trials of equal versions at 400 rps: nothing moves', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const base = [0, 0.001, 0.01][seed % 3]!
    const world = createWorld({
      seed,
      ratePerSecond: 400,
      versions: { v1: { weight: 90, endpoints: 4 }, v2: { weight: 10, endpoints: 2 } },
      callers: 4,
      fuse: seed % 2 === 0,
      failing: () => base,
    })
    world.run(TICKS)
    assertNothingMoved(world, seed)
  }
})

test('equally slow versions: nothing moves', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = seeded(seed + 500)
    const world = createWorld({
      seed,
      ratePerSecond: 20,
      versions: halves,
      callers: 2,
      fuse: true,
      failing: () => 0.001,
      latencyMs: () => (random() < 0.01 ? 400 : 20),
      settings: { slo: { availability: 0.999, latency: { underMs: 250, share: 0.99 }, windowMs: 86_400_000 } },
    })
    world.run(TICKS)
    assertNothingMoved(world, seed)
  }
})

test('a failure common to both versions moves nothing and is said once, with and without fuses, total or in part', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const share = [1, 0.5, 0.2][seed % 3]!
    const world = createWorld({
      seed,
      ratePerSecond: [20, 100][seed % 2]!,
      versions: halves,
      callers: 1 + (seed % 2),
      fuse: seed % 4 < 2,
      failing: (_version, _endpoint, tick) => (tick > 300 && tick <= 500 ? share : 0.001),
    })
    world.run(600)
    assertNothingMoved(world, seed)
    const said = world.log.filter(({ action }) => action === 'common-cause')
    assert.equal(said.length, 1, `seed ${seed}`)
    assert.match(said[0]!.reason, /^all of v1, v2 fail alike.*nobody is blamed/)
  }
})

test('of short failures of everything at 20 rps, too few requests to tell, less than 1 in 50 is blamed on a version', () => {
  let moments = 0
  let blamed = 0
  for (let seed = 1; seed <= 60; seed++) {
    const world = createWorld({
      seed,
      ratePerSecond: 20,
      versions: halves,
      callers: 1 + (seed % 2),
      fuse: seed % 3 !== 0,
      failing: (_version, _endpoint, tick) => (tick % 200 < 2 ? 0.9 : 0.001),
    })
    world.run(1000)
    moments += 5
    blamed += world.log.filter(({ action }) => action === 'shift').length
  }
  assert.ok(blamed * 50 < moments, `${blamed} of ${moments}`)
})
