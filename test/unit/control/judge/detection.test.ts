import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { World, WorldSettings } from './traffic.ts'
import { createWorld } from './traffic.ts'

/** Runs seeded trials of a v2 that begins to fail, and gives the ticks and failed requests until it is shifted away. */
function detect(
  trials: number,
  calmTicks: number,
  settings: Omit<WorldSettings, 'seed' | 'failing'> & { share: number; base: number },
): { ticks: number[]; failed: number[]; worlds: World[] } {
  const ticks: number[] = []
  const failed: number[] = []
  const worlds: World[] = []
  for (let seed = 1; seed <= trials; seed++) {
    const world = createWorld({
      ...settings,
      seed,
      failing: (version, _endpoint, tick) => (version === 'v2' && tick > calmTicks ? settings.share : settings.base),
    })
    world.run(calmTicks)
    assert.deepEqual(world.log, [], `seed ${seed}: moved before anything failed`)
    const before = world.failed.get('v2') ?? 0
    const took = world.run(1200, () => world.log.some(({ action }) => action === 'shift'))
    assert.deepEqual(
      world.log.map(({ action, version }) => [action, version]),
      [['shift', 'v2']],
      `seed ${seed}`,
    )
    ticks.push(took)
    failed.push((world.failed.get('v2') ?? 0) - before)
    worlds.push(world)
  }
  return { ticks: ticks.sort((a, b) => a - b), failed: failed.sort((a, b) => a - b), worlds }
}

const median = (sorted: number[]) => sorted[Math.floor(sorted.length / 2)]!
const tenth = { v1: { weight: 90, endpoints: 2 }, v2: { weight: 10, endpoints: 2 } }
const halves = { v1: { weight: 50, endpoints: 2 }, v2: { weight: 50, endpoints: 2 } }

test('total failure at 10 % of 1000 rps is seen in the first tick, within 40 failed requests', () => {
  const { ticks, failed } = detect(12, 120, {
    ratePerSecond: 1000,
    versions: tenth,
    callers: 20,
    fuse: false,
    share: 1,
    base: 0.001,
  })
  assert.equal(ticks.at(-1), 1)
  assert.ok(failed.at(-1)! <= 40, `${failed}`)
})

test('total failure at 10 % of 1000 rps behind local fuses costs three failures a fuse', () => {
  const { ticks, failed } = detect(12, 120, {
    ratePerSecond: 1000,
    versions: tenth,
    callers: 1,
    fuse: true,
    share: 1,
    base: 0.001,
  })
  assert.equal(failed.at(-1), 6)
  assert.ok(ticks.at(-1)! <= 2, `${ticks}`)
})

test('20 % errors at 10 % of 1000 rps are seen after some ten failed requests', () => {
  const { failed } = detect(10, 120, {
    ratePerSecond: 1000,
    versions: tenth,
    callers: 2,
    fuse: true,
    share: 0.2,
    base: 0.001,
  })
  assert.ok(median(failed) <= 12 && failed.at(-1)! <= 25, `${failed}`)
})

test('5 % errors at 10 % of 1000 rps are seen within 5 s', () => {
  const { ticks, failed } = detect(10, 120, {
    ratePerSecond: 1000,
    versions: tenth,
    callers: 2,
    fuse: true,
    share: 0.05,
    base: 0.001,
  })
  assert.ok(ticks.at(-1)! <= 20, `${ticks}`)
  assert.ok(median(failed) <= 12, `${failed}`)
})

test('2 % errors at 10 % of 1000 rps are seen after some ten failed requests', () => {
  const { failed } = detect(8, 120, {
    ratePerSecond: 1000,
    versions: tenth,
    callers: 2,
    fuse: true,
    share: 0.02,
    base: 0.001,
  })
  assert.ok(median(failed) <= 14 && failed.at(-1)! <= 40, `${failed}`)
})

for (const fuse of [true, false])
  for (const callers of [1, 2])
    test(`total failure of half of 20 rps, ${callers} callers, ${fuse ? 'with' : 'without'} fuses: about a second, some ten failures`, () => {
      const { ticks, failed } = detect(40, 300, {
        ratePerSecond: 20,
        versions: halves,
        callers,
        fuse,
        share: 1,
        base: 0.001,
      })
      assert.ok(median(ticks) <= 4 && ticks.at(-1)! <= 10, `ticks ${ticks}`)
      assert.ok(median(failed) <= 8 && failed.at(-1)! <= 14, `failed ${failed}`)
    })

test('when every endpoint of a version is held out by the fuses, the reason says so with its numbers', () => {
  const { worlds } = detect(30, 300, { ratePerSecond: 20, versions: halves, callers: 2, fuse: true, share: 1, base: 0 })
  const { worlds: alone } = detect(30, 300, {
    ratePerSecond: 20,
    versions: halves,
    callers: 1,
    fuse: true,
    share: 1,
    base: 0,
  })
  const reasons = [...worlds, ...alone].flatMap(({ log }) => log.filter(({ metric }) => metric === 'local fuses'))
  assert.ok(reasons.length > 0)
  for (const { reason, evidence, threshold, observed } of reasons) {
    assert.match(
      reason,
      /^every endpoint of v2 \(2 of 2\) is held out by the local fuse of (1 of 1 caller|2 of 2 callers) after \d+ failures; by chance/,
    )
    assert.ok(observed >= threshold)
    assert.equal(evidence['bad of the others'], 0)
  }
})

test('a decision carries its numbers, its traces and the weights before and after', () => {
  const { worlds } = detect(1, 300, {
    ratePerSecond: 200,
    versions: tenth,
    callers: 2,
    fuse: false,
    share: 0.3,
    base: 0.001,
  })
  const decision = worlds[0]!.log[0]!
  assert.match(
    decision.reason,
    /^v2 fails \d+ times in \d+, the others \d+ in \d+: odds [\d.e]+ x theirs, R = [\d.e]+ >= 1e6$|^v2/,
  )
  assert.equal(decision.service, 'expense')
  assert.equal(decision.metric, 'error odds')
  assert.ok(decision.observed >= decision.threshold && decision.threshold === 1e6)
  assert.deepEqual(decision.from, { v1: 90, v2: 10 })
  assert.deepEqual(decision.to, { v1: 90, v2: 0 })
  assert.ok(decision.traces.length > 0)
  assert.equal(new Set(decision.traces).size, decision.traces.length)
  assert.ok(Number(decision.evidence['requests']) > 0 && decision.windowMs > 0)
  assert.equal(decision.actor, 'judge')
  assert.equal(decision.data, 'traffic')
})

test('failures that a retry saved count against the version whose first attempt failed', () => {
  const { failed, worlds } = detect(5, 120, {
    ratePerSecond: 100,
    versions: halves,
    callers: 2,
    fuse: false,
    retries: true,
    share: 0.3,
    base: 0.001,
  })
  assert.ok(worlds.every(({ requests }) => requests.get('v2')! > 0))
  assert.ok(failed.at(-1)! <= 12, `${failed}`)
})

test('of three versions the bad one leaves, and of three with two bad ones both', () => {
  const versions = {
    v1: { weight: 40, endpoints: 2 },
    v2: { weight: 30, endpoints: 2 },
    v3: { weight: 30, endpoints: 2 },
  }
  for (const bad of [['v2'], ['v2', 'v3']]) {
    const failing = (version: string, _endpoint: string, tick: number) =>
      bad.includes(version) && tick > 100 ? 0.5 : 0.001
    const world = createWorld({ seed: 4, ratePerSecond: 200, versions, callers: 2, fuse: false, failing })
    world.run(200)
    const shifted = world.log.filter(({ action }) => action === 'shift').map(({ version }) => version)
    assert.deepEqual([...shifted].sort(), bad)
    assert.ok(world.log.every(({ action }) => action === 'shift'))
  }
})

test('a version that always failed a little more is left alone while it is within its SLO', () => {
  const world = createWorld({
    seed: 9,
    ratePerSecond: 1000,
    versions: halves,
    callers: 2,
    fuse: false,
    failing: version => (version === 'v2' ? 0.004 : 0.001),
    settings: { slo: { availability: 0.99, windowMs: 86_400_000 } },
  })
  world.run(1500)
  assert.deepEqual(world.log, [])
  assert.ok(world.judge.standing('expense')!.versions.get('v2')!.errorR > 1e6)
})

const latencySlo = { slo: { latency: { underMs: 250, share: 0.99 }, windowMs: 86_400_000 } }

test('a version that becomes slow loses its weight like one that fails', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = createWorld({
      seed,
      ratePerSecond: 100,
      versions: halves,
      callers: 2,
      fuse: true,
      failing: () => 0.001,
      latencyMs: (version, _endpoint, tick) => (version === 'v2' && tick > 200 ? 400 : 20),
      settings: latencySlo,
    })
    world.run(200)
    assert.deepEqual(world.log, [])
    const took = world.run(100, () => world.log.length > 0)
    const [first] = world.log as { action: string; version?: string; reason: string }[]
    assert.deepEqual([first?.action, first?.version], ['shift', 'v2'])
    assert.match(first!.reason, /^v2 is too slow \d+ times in \d+|^v2 burns its budget/)
    assert.ok(took <= 8, `${took}`)
  }
})

test('when all versions become slow together nothing moves', () => {
  const world = createWorld({
    seed: 3,
    ratePerSecond: 100,
    versions: halves,
    callers: 2,
    fuse: true,
    failing: () => 0.001,
    latencyMs: (_version, _endpoint, tick) => (tick > 200 ? 400 : 20),
    settings: latencySlo,
  })
  world.run(800)
  assert.deepEqual(
    world.log.map(({ action }) => action),
    ['common-cause'],
  )
})
