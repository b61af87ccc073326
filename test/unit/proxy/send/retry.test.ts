import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Retries } from '../../../../protocol/snapshot.ts'
import { RetryBudget } from '../../../../proxy/send/budget.ts'
import { Deadlines } from '../../../../proxy/send/deadlines.ts'
import {
  backoffMs,
  isIdempotent,
  retryAfterMs,
  wantsRetryOfEnd,
  wantsRetryOfGrpc,
  wantsRetryOfStatus,
} from '../../../../proxy/send/retry.ts'
import { decideRetry, type RetryQuestion } from '../../../../proxy/send/retry-decision.ts'

const retries: Retries = {
  attempts: 2,
  on: [],
  statusCodes: [409],
  perTryTimeoutMs: 0,
  budget: 0.2,
  budgetPerSecond: 10,
  backoffBaseMs: 25,
  backoffMaxMs: 250,
}
const on = (...conditions: Retries['on']): Retries => ({ ...retries, on: conditions })

test('methods that may be sent twice are those of RFC 9110, 9.2.2, spelt as they are', () => {
  assert.deepEqual(
    ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'POST', 'PATCH', 'CONNECT', 'get'].map(isIdempotent),
    [true, true, true, true, true, true, false, false, false, false],
  )
})

test('each condition asks for a retry of exactly what its name says', () => {
  const statuses = [200, 404, 409, 500, 502, 503, 504, 505]
  const retried = (...conditions: Retries['on']) =>
    statuses.filter(status => wantsRetryOfStatus(on(...conditions), status))

  assert.deepEqual(retried('5xx'), [500, 502, 503, 504, 505])
  assert.deepEqual(retried('gateway-error'), [502, 503, 504])
  assert.deepEqual(retried('retriable-status-codes'), [409])
  assert.deepEqual(retried('connect-failure', 'reset', 'refused-stream'), [])
})

test('a try without an answer: reset covers all but the connect failure, 5xx and gateway-error cover all', () => {
  const ends = ['connect-failure', 'refused-stream', 'reset', 'per-try-timeout'] as const
  const retried = (...conditions: Retries['on']) => ends.filter(end => wantsRetryOfEnd(on(...conditions), end))

  assert.deepEqual(retried('5xx'), ends)
  assert.deepEqual(retried('gateway-error'), ends)
  assert.deepEqual(retried('connect-failure'), ['connect-failure'])
  assert.deepEqual(retried('refused-stream'), ['refused-stream'])
  assert.deepEqual(retried('reset'), ['refused-stream', 'reset', 'per-try-timeout'])
  assert.deepEqual(retried('retriable-status-codes', 'unavailable'), [])
})

test('each condition of gRPC asks for a retry of the one status it names', () => {
  const statuses = Array.from({ length: 17 }, (_, status) => status)
  const retried = (...conditions: Retries['on']) =>
    statuses.filter(status => wantsRetryOfGrpc(on(...conditions), status))

  assert.deepEqual(retried('cancelled'), [1])
  assert.deepEqual(retried('deadline-exceeded'), [4])
  assert.deepEqual(retried('resource-exhausted'), [8])
  assert.deepEqual(retried('internal', 'unavailable'), [13, 14])
  assert.deepEqual(retried('5xx', 'reset', 'gateway-error'), [])
  assert.deepEqual([wantsRetryOfGrpc(on('5xx'), -1), wantsRetryOfGrpc(on('internal'), -1)], [false, true])
})

test('the back-off doubles, has full jitter and a bound', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 9].map(n => backoffMs(retries, n, 1)),
    [25, 50, 100, 200, 250, 250],
  )
  assert.equal(backoffMs(retries, 3, 0), 0)
})

test('Retry-After is read as seconds or a date; what cannot be read asks for nothing', () => {
  const wall = Date.parse('Sun, 06 Nov 1994 08:49:37 GMT')

  assert.equal(retryAfterMs('7', wall), 7000)
  assert.equal(retryAfterMs('Sun, 06 Nov 1994 08:49:40 GMT', wall), 3000)
  assert.equal(retryAfterMs('Sun, 06 Nov 1994 08:00:00 GMT', wall), 0)
  assert.equal(retryAfterMs('soon', wall), 0)
  assert.equal(retryAfterMs(undefined, wall), 0)
})

test('the budget is a share of the requests of ten seconds, and so many a second always', () => {
  const budget = new RetryBudget()
  for (let n = 0; n < 100; n++) budget.noteRequest(1_000_500)

  const taken = Array.from({ length: 40 }, () => budget.take(0.2, 10, 1_000_600)).filter(Boolean).length

  assert.equal(taken, 20)
  assert.equal(budget.take(0, 1, 1_001_000), true, 'the next second has its own')
  assert.equal(budget.take(0, 1, 1_001_001), false)
  assert.equal(budget.take(0.2, 0, 1_020_000), false, 'and what is long ago counts no more')
})

test('over any ten seconds no more retries are granted than the budget says', () => {
  const step = fc.record({ waitMs: fc.nat({ max: 3000 }), retry: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.nat({ max: 3 }), (steps, perSecond) => {
      const budget = new RetryBudget()
      const requests: number[] = []
      const granted: number[] = []
      let now = 5_000_000
      for (const { waitMs, retry } of steps) {
        now += waitMs
        if (!retry) {
          budget.noteRequest(now)
          requests.push(now)
          continue
        }
        if (!budget.take(0.2, perSecond, now)) continue
        granted.push(now)
        const within = (list: number[]) => list.filter(at => Math.floor(at / 1000) > Math.floor(now / 1000) - 10).length
        const always = granted.filter(at => Math.floor(at / 1000) === Math.floor(now / 1000)).length <= perSecond
        assert.ok(always || within(granted) <= 0.2 * within(requests))
      }
    }),
  )
})

test('a retry is refused with the reason that holds, and a refused one costs no budget', () => {
  const budget = new RetryBudget()
  const question: RetryQuestion = {
    retries: on('5xx'),
    had: 0,
    othersUnderWay: 0,
    maxRetries: 1,
    budget,
    leastWaitMs: 0,
    leftMs: 1000,
    nowMs: 1_000_000,
    random: 0.5,
  }

  assert.deepEqual(decideRetry(question), { status: 'retry', waitMs: 12.5 })
  assert.deepEqual(decideRetry({ ...question, had: 2 }), { status: 'limit' })
  assert.deepEqual(decideRetry({ ...question, leftMs: 12.5 }), { status: 'late' })
  assert.deepEqual(decideRetry({ ...question, leastWaitMs: 1000 }), { status: 'late' })
  assert.deepEqual(decideRetry({ ...question, othersUnderWay: 1 }), { status: 'overflow' })
  assert.deepEqual(decideRetry({ ...question, leastWaitMs: 999 }), { status: 'retry', waitMs: 999 })
  for (let n = 2; n < 10; n++) decideRetry(question)
  assert.deepEqual(decideRetry(question), { status: 'overflow' })
})

test('deadlines: both run from the last byte of the request; a try ends with its answer, a tunnel knows none', () => {
  const deadlines = new Deadlines(0, 1000, 200)
  deadlines.startTry(0)

  assert.deepEqual(
    [199, 200, 999, 1000].map(now => deadlines.passed(now, false)),
    ['none', 'try', 'try', 'whole'],
  )
  deadlines.push(500)
  assert.deepEqual(
    [699, 700, 1499, 1500].map(now => deadlines.passed(now, false)),
    ['none', 'try', 'try', 'whole'],
  )
  deadlines.stopTry()
  assert.deepEqual([deadlines.passed(1499, false), deadlines.leftMs(1400, 0)], ['none', 100])
  deadlines.stop()
  assert.deepEqual([deadlines.passed(9e9, false), deadlines.leftMs(0, 42)], ['none', 42])
})

test('without a deadline nothing is ever late, and a piece of body makes none', () => {
  const deadlines = new Deadlines(100, 0, 0)
  deadlines.startTry(100)
  deadlines.push(200)

  assert.equal(deadlines.passed(9e9, false), 'none')
})

test('as long as the client owes bytes nobody else is late, save for a deadline that is fixed', () => {
  const [running, fixed] = [new Deadlines(0, 1000, 200), new Deadlines(0, 1000, 200, true)]
  for (const deadlines of [running, fixed]) deadlines.startTry(0)

  assert.deepEqual([running.passed(200, true), running.passed(1000, true)], ['none', 'none'])
  assert.deepEqual([fixed.passed(200, true), fixed.passed(1000, true)], ['none', 'whole'])
  assert.deepEqual([fixed.passed(200, false), running.passed(1000, false)], ['try', 'whole'])
})
