import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSlices } from '../../../../../proxy/observe/merged-metrics/slices.ts'

/** Time passes by work alone: a step takes what it says. */
function manualWork() {
  const clock = { nowMs: 0, now: () => clock.nowMs }
  const work = function* (steps: number, stepMs: number): Generator<number, string> {
    for (let step = 0; step < steps; step++) {
      clock.nowMs += stepMs
      yield step
    }
    return 'done'
  }
  return { clock, work }
}

/** The time between two turns of the event loop, at its longest, while something runs. */
async function longestHoldMs(clock: { nowMs: number }, run: () => Promise<unknown>): Promise<number> {
  const turnsAtMs = [clock.nowMs]
  let running = true
  const turn = () => {
    turnsAtMs.push(clock.nowMs)
    if (running) setImmediate(turn)
  }
  setImmediate(turn)
  await run()
  running = false
  return Math.max(...turnsAtMs.map((atMs, index) => atMs - (turnsAtMs[index - 1] ?? 0)))
}

test('long work lets others run every millisecond', async () => {
  const { clock, work } = manualWork()
  const seen: number[] = []
  const hold = await longestHoldMs(clock, async () => {
    assert.equal(await createSlices(clock).run(work(40, 0.5), step => seen.push(step)), 'done')
  })
  assert.equal(hold, 1)
  assert.deepEqual(seen, [...Array(40).keys()])
  assert.equal(clock.nowMs, 20)
})

test('several computations at once hold others up no longer than one', async () => {
  const { clock, work } = manualWork()
  const slices = createSlices(clock)
  const hold = await longestHoldMs(clock, () =>
    Promise.all(Array.from({ length: 10 }, () => slices.run(work(10, 0.5)))),
  )
  assert.equal(hold, 1)
  assert.equal(clock.nowMs, 50)
})

test('what fails fails alone', async () => {
  const { clock, work } = manualWork()
  const slices = createSlices(clock)
  const failing = function* (): Generator<undefined, void> {
    yield
    throw new Error('defect')
  }
  const failed = assert.rejects(slices.run(failing()), /defect/)
  assert.equal(await slices.run(work(1, 1)), 'done')
  await failed
})
