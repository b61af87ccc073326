import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Retries, Upstream } from '../../../../protocol/snapshot.ts'
import type { Cluster } from '../../../../proxy/send/cluster.ts'
import { Retrying } from '../../../../proxy/send/retrying.ts'
import { clusterOf } from '../../../support/cluster.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { upstreamOf } from '../../../support/proxy-harness.ts'

const NEVER_LATE_MS = 60_000

function world(change: Partial<Retries> = {}, limits: Partial<Upstream['limits']> = {}) {
  const plain = upstreamOf([{ id: 'a' }, { id: 'b' }])
  const retries = { ...plain.retries, attempts: 2, backoffBaseMs: 100, backoffMaxMs: 1000, ...change }
  const clock = manualClock(0)
  const cluster = clusterOf({ ...plain, retries, limits: { ...plain.limits, ...limits } }, clock)
  return { cluster, clock, a: cluster.membership.endpoints.get('a')!, b: cluster.membership.endpoints.get('b')! }
}

/** The retries of one request, and when each was due. */
function retriesOf(cluster: Cluster): { retrying: Retrying; dueMs: number[] } {
  const dueMs: number[] = []
  const owner = { onRetryDue: (nowMs: number) => dueMs.push(nowMs) }
  return { retrying: new Retrying(cluster, cluster.upstream.retries, owner), dueMs }
}

test('a retry is due after its back-off, elsewhere than where was tried, and the next waits longer', () => {
  const { cluster, clock, a, b } = world()
  const { retrying, dueMs } = retriesOf(cluster)

  const first = retrying.ask(a, 0, NEVER_LATE_MS, clock.now())
  assert.deepEqual([first, retrying.number, retrying.tried], ['retry', 1, [a]])
  clock.advance(49)
  assert.deepEqual(dueMs, [])
  clock.advance(1)
  retrying.ask(b, 0, NEVER_LATE_MS, clock.now())
  clock.advance(100)

  assert.deepEqual(dueMs, [50, 150])
  assert.deepEqual([retrying.number, retrying.tried, cluster.stats.rqRetry], [2, [a, b], 2])
})

test('what an answer asks to wait is waited, where that is longer than the back-off', () => {
  const { cluster, clock, a } = world()
  const { retrying, dueMs } = retriesOf(cluster)

  retrying.ask(a, 3000, NEVER_LATE_MS, 0)
  clock.advance(10_000)

  assert.deepEqual(dueMs, [3000])
})

test('a retry that is not to be had says why, and each reason has its counter', () => {
  const { cluster, a } = world({ attempts: 1 }, { maxRetries: 1 })
  const [first, second] = [retriesOf(cluster).retrying, retriesOf(cluster).retrying]

  const said = [
    first.ask(a, 0, NEVER_LATE_MS, 0),
    first.ask(a, 0, NEVER_LATE_MS, 0),
    second.ask(a, 0, NEVER_LATE_MS, 0),
    second.ask(a, 0, 50, 0),
  ]

  assert.deepEqual(said, ['retry', 'limit', 'overflow', 'late'])
  const { rqRetry, rqRetryLimitExceeded, rqRetryOverflow } = cluster.stats
  assert.deepEqual([rqRetry, rqRetryLimitExceeded, rqRetryOverflow], [1, 1, 1])
})

test('a request counts once among the retries of its cluster, however many it has, until it is over', () => {
  const { cluster, clock, a } = world({}, { maxRetries: 1 })
  const [first, second] = [retriesOf(cluster).retrying, retriesOf(cluster).retrying]

  first.ask(a, 0, NEVER_LATE_MS, 0)
  clock.advance(1000)
  assert.equal(first.ask(a, 0, NEVER_LATE_MS, 1000), 'retry')
  assert.equal(cluster.retriesActive, 1)
  assert.equal(second.ask(a, 0, NEVER_LATE_MS, 1000), 'overflow')
  first.end()
  first.end()

  assert.equal(cluster.retriesActive, 0)
  assert.equal(second.ask(a, 0, NEVER_LATE_MS, clock.now()), 'retry')
})

test('whoever is over while it waits for a retry gets none', () => {
  const { cluster, clock, a } = world()
  const { retrying, dueMs } = retriesOf(cluster)
  retrying.ask(a, 0, NEVER_LATE_MS, 0)
  assert.equal(clock.timers, 1)

  retrying.end()
  clock.advance(10_000)

  assert.deepEqual([clock.timers, dueMs], [0, []])
})
