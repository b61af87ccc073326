import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cluster } from '../../../../proxy/send/cluster.ts'
import { pickTry, type Try } from '../../../../proxy/send/try.ts'
import { clusterOf } from '../../../support/cluster.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { upstreamOf } from '../../../support/proxy-harness.ts'

const passiveHealthCheck = {
  intervalMs: 10_000,
  maxFailures: 2,
  baseEjectionMs: 1000,
  maxEjectionMs: 10_000,
  maxEjected: 1,
  panicBelow: 0,
}

function clusterWithFuse(): Cluster {
  return clusterOf(upstreamOf([{ id: 'a' }, { id: 'b' }], { passiveHealthCheck }), manualClock(0))
}

const traveller = () => ({ endpointId: '', endpointAddress: '', version: '', attempts: 0 })

function begun(cluster: Cluster, nowMs = 0): Try {
  const picked = pickTry(cluster, 'v1', false, [], nowMs)!
  picked.begin(traveller())
  return picked
}

/** A cluster whose endpoint `a` waits for a probe. */
function halfOpen(): Cluster {
  const cluster = clusterWithFuse()
  const endpoint = cluster.membership.endpoints.get('a')!
  for (let n = 0; n < passiveHealthCheck.maxFailures; n++) cluster.judge(endpoint, 'UF', false, 0)
  cluster.sweep(1000)
  assert.equal(endpoint.fuse.state, 'half-open')
  return cluster
}

test('whoever is carried is told where to, and what is under way counts until the try is over', () => {
  const cluster = clusterWithFuse()
  const carried = traveller()
  const picked = pickTry(cluster, 'v1', false, [], 5)!

  picked.begin(carried)

  const { endpoint } = picked
  assert.deepEqual(carried, { endpointId: 'a', endpointAddress: endpoint.address, version: 'v1', attempts: 1 })
  assert.deepEqual([cluster.stats.rqTotal, cluster.stats.rqActive, endpoint.stats.rqActive], [1, 1, 1])
  picked.end(204)
  assert.deepEqual([cluster.stats.rqTotal, cluster.stats.rqActive, endpoint.stats.rqActive], [1, 0, 0])
  assert.deepEqual([cluster.stats.rqCompleted, cluster.stats.rqByStatus[204], cluster.stats.rqByClass[1]], [1, 1, 1])
})

test('a try that was put off never was: neither its cluster nor its endpoint nor whoever was carried counts it', () => {
  const cluster = clusterWithFuse()
  const carried = traveller()
  const picked = pickTry(cluster, 'v1', false, [], 0)!
  picked.begin(carried)

  picked.putOff(carried)

  const { stats } = cluster
  assert.deepEqual([carried.attempts, stats.rqTotal, stats.rqActive, stats.rqCompleted], [0, 0, 0, 0])
  assert.deepEqual([picked.endpoint.stats.rqTotal, picked.endpoint.stats.rqActive], [0, 0])
})

test('an endpoint is judged once by a try, save that a failure in the end undoes a good beginning', () => {
  const cluster = clusterWithFuse()
  const [twice, turned] = [begun(cluster), begun(cluster)]

  twice.judge('', 0)
  twice.judge('status 500', 0)
  turned.judge('', 0)
  turned.judgeFailed('UT', 0)

  const verdictsOf = ({ endpoint: { stats } }: Try) => [stats.rqSuccess, stats.rqError]
  assert.deepEqual(
    [verdictsOf(twice), verdictsOf(turned)],
    [
      [1, 0],
      [1, 1],
    ],
  )
})

test('a status that is none of HTTP is counted as a try that is over, and nowhere else', () => {
  const cluster = clusterWithFuse()

  for (const status of [0, 99, 600]) begun(cluster).end(status)

  assert.equal(cluster.stats.rqCompleted, 3)
  assert.ok(cluster.stats.rqByStatus.every(count => count === 0))
  assert.ok(cluster.stats.rqByClass.every(count => count === 0))
})

test('there is one probe at a time; one that shows nothing leaves its place to the next', () => {
  const cluster = halfOpen()
  const probe = begun(cluster, 1000)
  assert.deepEqual([probe.isProbe, probe.endpoint.id], [true, 'a'])
  assert.equal(begun(cluster, 1000).endpoint.id, 'b')

  probe.end(0)

  const next = begun(cluster, 1000)
  assert.deepEqual([next.isProbe, next.endpoint.id], [true, 'a'])
  next.putOff(traveller())
  const third = pickTry(cluster, 'v1', false, [], 1000)!
  assert.deepEqual([third.isProbe, third.endpoint.id], [true, 'a'])
  third.release()
  assert.equal(begun(cluster, 1000).isProbe, true)
})

test('a probe that was judged gives no place away: its endpoint is back, or out again', () => {
  for (const [why, state] of [
    ['', 'healthy'],
    ['UF', 'fused'],
  ] as const) {
    const cluster = halfOpen()
    const probe = begun(cluster, 1000)

    probe.judge(why, 1000)
    probe.end(0)

    assert.equal(probe.endpoint.fuse.state, state)
    assert.equal(begun(cluster, 1000).isProbe, false)
  }
})

test('observers are told of the endpoint, of the answer and of how long it took', () => {
  const cluster = clusterWithFuse()
  const over = begun(cluster, 30)
  over.grpcStatus = 14

  const attempt = over.attempt(503, undefined, 12)

  assert.deepEqual(attempt, {
    endpointId: 'a',
    endpointAddress: '127.0.0.1:1',
    version: 'v1',
    status: 503,
    grpcStatus: 14,
    failure: undefined,
    startedMs: 30,
    durationMs: 12,
  })
})
