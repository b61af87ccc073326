import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createJudge } from '../../../../control/judge/judge.ts'
import { createWorld, SERVICE, TICK_MS, type World } from './traffic.ts'

/** An eventful hour in short: a bad host, then a bad version that comes back, relapses and comes back again. */
function eventful(seed: number): World {
  const world = createWorld({
    seed,
    ratePerSecond: 40,
    versions: { v1: { weight: 50, endpoints: 2 }, v2: { weight: 50, endpoints: 2 } },
    callers: 2,
    fuse: true,
    failing: (version, endpoint, tick) => {
      if (endpoint === 'expense-v1-1' && tick > 100 && tick < 130) return 1
      return version === 'v2' && ((tick > 300 && tick < 330) || (tick > 560 && tick < 600)) ? 1 : 0.002
    },
    latencyMs: (_version, _endpoint, tick) => 20 + (tick % 7),
    settings: { slo: { availability: 0.999, latency: { underMs: 250, share: 0.99 }, windowMs: 86_400_000 } },
  })
  return world
}

const strip = (world: World) => world.log.map(({ tick: _tick, ...proposal }) => proposal)

test('the log of inputs played again to a new judge gives the same decisions', () => {
  const world = eventful(1)
  world.run(1500)
  assert.ok(world.log.length >= 8)
  const again = createJudge()
  const proposals = world.inputs.flatMap(({ input, nowMs }) => again.take(input, nowMs).proposals)
  assert.deepEqual(proposals, strip(world))
  assert.deepEqual(again.standing(SERVICE), world.judge.standing(SERVICE))
})

test('a judge that is saved and restored at any moment goes on as if nothing had been, on another clock', () => {
  const whole = eventful(2)
  whole.run(1500)
  for (const cut of [1, 90, 112, 305, 312, 480, 575, 900]) {
    const parted = eventful(2)
    parted.run(cut)
    const text = parted.judge.save()
    const nowMs = 7_000 + cut
    parted.replace(createJudge({}, { text, nowMs, awayMs: 0 }), nowMs)
    parted.run(1500 - cut)
    assert.deepEqual(strip(parted), strip(whole), `cut at ${cut}`)
    assert.deepEqual(parted.judge.standing(SERVICE), whole.judge.standing(SERVICE), `cut at ${cut}`)
  }
})

test('time away counts: what was held is due after a long absence', () => {
  const world = eventful(3)
  world.run(400, () => world.log.some(({ action }) => action === 'shift'))
  const before = world.judge.standing(SERVICE)!.versions.get('v2')!
  assert.equal(before.stage, 'held')
  const restored = createJudge({}, { text: world.judge.save(), nowMs: 50, awayMs: 20_000 })
  const after = restored.standing(SERVICE)!.versions.get('v2')!
  assert.equal(after.stage, 'held')
  assert.ok(Math.abs(before.waitMs - after.waitMs - 20_000) < 1e-6)
})

test('a restart is no darkness: the first silent moments after it freeze nothing', () => {
  const world = eventful(4)
  world.run(50)
  const restored = createJudge({}, { text: world.judge.save(), nowMs: 1000, awayMs: 60_000 })
  assert.deepEqual(restored.take({ kind: 'silence' }, 1000 + TICK_MS).proposals, [])
  assert.equal(restored.take({ kind: 'silence' }, 4000).proposals[0]?.action, 'freeze')
})

test('a state that was saved before anything happened can be restored', () => {
  const restored = createJudge({}, { text: createJudge().save(), nowMs: 5, awayMs: 0 })
  assert.deepEqual(restored.services(), [])
  assert.deepEqual(restored.take({ kind: 'silence' }, 10).proposals, [])
})

test('the saved text of a quiet service is small: empty rings are not written', () => {
  const world = eventful(5)
  world.run(8)
  assert.ok(world.judge.save().length < 20_000, `${world.judge.save().length}`)
})

test('text of another make is refused aloud', () => {
  assert.throws(
    () => createJudge({}, { text: '{"format":2,"state":{}}', nowMs: 0, awayMs: 0 }),
    /format 2, this control reads 1/,
  )
  assert.throws(() => createJudge({}, { text: 'not json', nowMs: 0, awayMs: 0 }))
})
