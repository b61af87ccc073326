import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recentTraffic, trafficOf } from '../../../../control/gather/recent-traffic.ts'
import { bucketOf } from '../../../../protocol/sketch.ts'
import type { Tick } from '../../../../protocol/tick.ts'

const tick = (requests: number, errors: number, endpoint = ''): Tick => ({
  seq: 0,
  time: '',
  intervalMs: 250,
  reporters: [],
  missing: [],
  rows: [
    {
      source: 'report',
      upstream: 'expense',
      version: 'v1',
      endpoint,
      route: '',
      requests,
      ok: requests - errors,
      errors: { http5xx: errors, gateway: 0, reset: 0, timeout: 0 },
      clientErrors: 0,
      retries: 0,
      rescued: 0,
      inFlight: 2,
      fusedBy: 0,
      knownBy: 1,
      sketch: [bucketOf(10_000), requests],
      traces: [],
    },
  ],
})

test('rates are of the window only', () => {
  const recent = recentTraffic(1000)
  for (let at = 0; at < 8; at++) recent.take(tick(at < 4 ? 1000 : 10, at < 4 ? 1000 : 1))
  const traffic = trafficOf(recent.cells(), recent.coveredMs)
  assert.equal(recent.coveredMs, 1000)
  assert.equal(traffic.rps, 40)
  assert.equal(traffic.errorRate, 0.1)
  assert.ok(Math.abs(traffic.p99Ms! - 10) < 0.3)
})

test('attempts at endpoints are no requests', () => {
  const recent = recentTraffic(1000)
  recent.take(tick(10, 0, 'expense-v1-a'))
  assert.deepEqual(recent.cells(), [])
})

test('in flight is what the last tick said, not a sum over time', () => {
  const recent = recentTraffic(1000)
  recent.take(tick(1, 0))
  recent.take(tick(1, 0))
  assert.equal(trafficOf(recent.cells(), recent.coveredMs).inFlight, 2)
})

test('before the first tick there is nothing, and no division by zero', () => {
  const recent = recentTraffic(1000)
  assert.deepEqual(trafficOf(recent.cells(), recent.coveredMs), {
    rps: 0,
    errorRate: 0,
    p50Ms: undefined,
    p99Ms: undefined,
    requests: 0,
    errors: 0,
    inFlight: 0,
  })
})
