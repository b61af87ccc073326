import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld, type WorldSettings } from './traffic.ts'

const two = { v1: { weight: 50, endpoints: 2 }, v2: { weight: 50, endpoints: 2 } }
const BAD = 'expense-v2-1'

function badHost(seed: number, settings: Partial<WorldSettings> & { share?: number }) {
  const { share = 1, ...rest } = settings
  return createWorld({
    seed,
    ratePerSecond: 20,
    versions: two,
    callers: 2,
    fuse: true,
    failing: (_version, endpoint, tick) => (endpoint === BAD && tick > 300 ? share : 0.001),
    ...rest,
  })
}

const moves = (world: ReturnType<typeof createWorld>) =>
  world.log.map(({ action, version, endpoint }) => `${action} ${endpoint ?? version}`)

for (const fuse of [true, false])
  test(`one failing host of two is ejected and its version keeps its weight, ${fuse ? 'with' : 'without'} fuses`, () => {
    for (let seed = 1; seed <= 40; seed++) {
      const world = badHost(seed, { fuse, callers: 1 + (seed % 3) })
      world.run(300)
      const took = world.run(200, () => world.log.length > 0)
      world.run(80)
      assert.deepEqual(moves(world), [`eject ${BAD}`], `seed ${seed}`)
      assert.ok(took < 60, `seed ${seed}: ${took} ticks`)
      assert.equal(world.judge.standing('expense')!.weights.get('v2'), 50)
      assert.equal(world.judge.standing('expense')!.health.get(BAD), 'ejected')
    }
  })

test('a host of several that fails in part is ejected, at 100 rps with six hosts', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const versions = { v1: { weight: 50, endpoints: 3 }, v2: { weight: 50, endpoints: 3 } }
    const world = badHost(seed, { ratePerSecond: 100, versions, share: 0.4 })
    world.run(300)
    world.run(110)
    assert.deepEqual(moves(world), [`eject ${BAD}`], `seed ${seed}`)
  }
})

test('a slow host is ejected, its version keeps its weight', () => {
  for (let seed = 1; seed <= 15; seed++) {
    const world = badHost(seed, {
      share: 0.001,
      latencyMs: (_version, endpoint, tick) => (endpoint === BAD && tick > 300 ? 600 : 20),
      settings: { slo: { latency: { underMs: 250, share: 0.99 }, windowMs: 86_400_000 } },
    })
    world.run(300)
    world.run(110)
    assert.deepEqual(moves(world), [`eject ${BAD}`], `seed ${seed}`)
  }
})

test('a bad version is shifted as a whole: its hosts are not ejected one by one instead', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const endpoints = [1, 2, 4][seed % 3]!
    const world = createWorld({
      seed,
      ratePerSecond: [20, 100, 400][Math.floor(seed / 3) % 3]!,
      versions: { v1: { weight: 50, endpoints }, v2: { weight: 50, endpoints } },
      callers: 1 + (seed % 2),
      fuse: seed % 4 < 2,
      failing: (version, _endpoint, tick) => (version === 'v2' && tick > 200 ? [1, 0.3][seed % 2]! : 0.001),
    })
    world.run(200)
    // One caller with one fuse shows three failures, and then one a half-open probe: minutes, at the cost of two more requests.
    world.run(1300, () => world.log.length > 0)
    world.run(60)
    assert.deepEqual(moves(world), ['shift v2'], `seed ${seed}`)
  }
})

test('a service of one version ejects its bad host, and blames nobody when all of them are bad', () => {
  const versions = { v1: { weight: 100, endpoints: 4 } }
  for (let seed = 1; seed <= 10; seed++) {
    const one = createWorld({
      seed,
      ratePerSecond: 40,
      versions,
      callers: 2,
      fuse: true,
      failing: (_version, endpoint, tick) => (tick > 200 && endpoint === 'expense-v1-2' ? 1 : 0.001),
    })
    one.run(280)
    assert.deepEqual(moves(one), ['eject expense-v1-2'], `seed ${seed}`)
    const all = createWorld({
      seed,
      ratePerSecond: 40,
      versions,
      callers: 2,
      fuse: true,
      failing: (_version, _endpoint, tick) => (tick > 200 ? 1 : 0.001),
    })
    all.run(300)
    assert.deepEqual(
      all.log.map(({ action }) => action),
      ['common-cause'],
      `seed ${seed}`,
    )
    assert.match(all.log[0]!.reason, /^v1 burns its budget .* nothing else takes requests to compare it with/)
  }
})

test('a fifth of twenty hosts that are bad at once all leave: they cannot hide each other', () => {
  const bad = new Set(['expense-v1-3', 'expense-v1-8', 'expense-v1-12', 'expense-v1-19'])
  for (let seed = 1; seed <= 5; seed++) {
    const world = createWorld({
      seed,
      ratePerSecond: 200,
      versions: { v1: { weight: 100, endpoints: 20 } },
      callers: 4,
      fuse: false,
      failing: (_version, endpoint, tick) => (tick > 120 && bad.has(endpoint) ? 0.5 : 0.001),
    })
    world.run(220)
    assert.deepEqual(new Set(world.log.map(({ endpoint }) => endpoint)), bad, `seed ${seed}`)
  }
})

test('ejections stop at their share of the service, but one is always allowed', () => {
  const outlier = { baseEjectionMs: 30_000, maxEjectionMs: 300_000, maxEjected: 0.1 }
  const world = createWorld({
    seed: 2,
    ratePerSecond: 100,
    versions: { v1: { weight: 100, endpoints: 6 } },
    callers: 2,
    fuse: false,
    failing: (_version, endpoint, tick) => (tick > 120 && /-[12]$/.test(endpoint) ? 0.8 : 0.001),
    settings: { outlier },
  })
  world.run(300)
  const ejected = [...world.judge.standing('expense')!.health.values()].filter(health => health !== 'healthy')
  assert.equal(ejected.length, 1)
})

test('without outlier ejection a bad host is neither ejected nor paid for by its version', () => {
  const world = badHost(5, {})
  const { outlier: _outlier, ...settings } = world.settings
  world.give({ kind: 'service', settings, actor: 'file' })
  world.run(400)
  assert.deepEqual(moves(world), [])
})

test('a version whose hosts fail one after the other is shifted when the last of them fails', () => {
  const world = createWorld({
    seed: 8,
    ratePerSecond: 40,
    versions: two,
    callers: 2,
    fuse: true,
    failing: (_version, endpoint, tick) =>
      (endpoint === 'expense-v2-1' && tick > 200) || (endpoint === 'expense-v2-2' && tick > 260) ? 1 : 0.001,
  })
  world.run(310)
  assert.deepEqual(moves(world), ['eject expense-v2-1', 'shift v2'])
})
