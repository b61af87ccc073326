import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { describeReading } from '../../../../demo/load/lines.ts'
import { createLoad } from '../../../../demo/load/load.ts'
import { pathOfRequest } from '../../../../demo/load/mix.ts'
import type { LoadOutcome } from '../../../../demo/load/tally.ts'

function pausedClock(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 0 })
  return async (ms: number) => {
    for (let n = 0; n < ms; n += 1) {
      t.mock.timers.tick(1)
      await Promise.resolve()
    }
  }
}

function caller(answer: (path: string) => Promise<LoadOutcome>) {
  return { call: answer, close: async () => undefined }
}

test('a target that never answers is asked as often as allowed at once, and every further request is counted as dropped', async t => {
  const advance = pausedClock(t)
  const silent = caller(() => new Promise(() => undefined))
  const load = createLoad({ ratePerSecond: 20, inFlightMax: 5 }, silent, Date.now)
  load.start()
  await advance(1_000)
  const { sent, dropped, inFlight } = load.total()
  assert.deepEqual({ sent, dropped, inFlight }, { sent: 5, dropped: { in_flight: 15 }, inFlight: 5 })
})

test('answers and failures are counted apart, and an interval starts anew when it is taken', async t => {
  const advance = pausedClock(t)
  let n = 0
  const outcomes: LoadOutcome[] = [
    { status: 'answered', code: 200 },
    { status: 'answered', code: 503 },
    { status: 'failed', reason: 'refused' },
  ]
  const load = createLoad(
    { ratePerSecond: 3, inFlightMax: 5 },
    caller(async () => outcomes[n++ % 3] ?? assert.fail()),
    Date.now,
  )
  load.start()
  await advance(1_005)
  const { statuses, errors, sent } = load.takeInterval()
  assert.deepEqual({ statuses, errors, sent }, { statuses: { 200: 1, 503: 1 }, errors: { refused: 1 }, sent: 3 })
  assert.equal(load.takeInterval().sent, 0)
  assert.equal(load.total().sent, 3)
})

test('a new rate counts from now on, and 0 pauses', async t => {
  const advance = pausedClock(t)
  const load = createLoad(
    { ratePerSecond: 10, inFlightMax: 50 },
    caller(async () => ({ status: 'answered', code: 200 })),
    Date.now,
  )
  load.start()
  await advance(1_000)
  assert.equal(load.takeInterval().sent, 10)
  load.setRate(100)
  await advance(1_000)
  assert.ok(Math.abs(load.takeInterval().sent - 100) <= 1)
  load.setRate(0)
  await advance(1_000)
  assert.equal(load.takeInterval().sent, 0)
})

test('after a stop nothing more is sent, and a call that hangs holds up the end for the grace only', async t => {
  const advance = pausedClock(t)
  const load = createLoad(
    { ratePerSecond: 10, inFlightMax: 1 },
    caller(() => new Promise(() => undefined)),
    Date.now,
  )
  load.start()
  await advance(500)
  let over = false
  const stopped = load.stop(1_000).then(() => {
    over = true
  })
  await advance(999)
  assert.equal(over, false)
  await advance(1)
  await stopped
  assert.equal(load.total().sent, 1)
})

test('three requests of four ask for the trip and one for the version', () => {
  const paths = Array.from({ length: 400 }, (_, n) => pathOfRequest(n))
  assert.equal(paths.filter(path => path.endsWith('/version')).length, 100)
  assert.equal(paths.filter(path => path.startsWith('/api/report/trip/')).length, 300)
})

test('the line for a person names counts of answers, errors and drops', () => {
  const line = describeReading({
    ratePerSecond: 20,
    inFlight: 1,
    sent: 20,
    statuses: { 200: 19 },
    errors: { refused: 1 },
    dropped: { late: 2 },
    latencyMs: { p50: 3, p90: 4, p99: 5, max: 6 },
  })
  assert.equal(line, '20/s  sent 20  200: 19  error refused: 1  dropped late: 2  p50 3 ms  p99 5 ms  in flight 1')
})
