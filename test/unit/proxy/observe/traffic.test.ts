import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReportKey, ReportRow } from '../../../../protocol/report.ts'
import { quantileMs } from '../../../../protocol/sketch.ts'
import { failure } from '../../../../proxy/failures.ts'
import { createTraffic, type Traffic } from '../../../../proxy/observe/traffic.ts'
import { attemptOf, exchangeOf, outcomeOf } from './exchanges.ts'

const KEYS_MAX = 5000
const IDLE_INTERVALS = 2401
const notFused = () => false
const trafficOf = () => createTraffic({ source: 'report', wall: () => 1_700_000_000_000 })

/** The rows of an interval by `version/endpoint`. */
function taken(traffic: Traffic, known: Map<number, ReportKey>): Map<string, ReportRow> {
  const { rows, keys } = traffic.takeRows(notFused)
  for (const [id, key] of Object.entries(keys)) known.set(Number(id), key)
  return new Map(rows.map(row => [`${known.get(row.key)!.version}/${known.get(row.key)!.endpoint}`, row]))
}

test('a request saved by its second try is one ok request for the caller and one error for the first endpoint', () => {
  const traffic = trafficOf()
  const exchange = exchangeOf({ sampled: true })
  traffic.requestStarted(exchange)
  exchange.attempts = 1
  traffic.attemptOver(exchange, attemptOf('e1', 'v1', 503))
  exchange.attempts = 2
  traffic.attemptOver(exchange, attemptOf('e2'))
  exchange.rescued = true
  traffic.requestOver(exchange, outcomeOf())
  const rows = taken(traffic, new Map())
  const errors = { http5xx: 0, gateway: 0, reset: 0, timeout: 0 }
  const counted = (key: string) => {
    const { key: _, sketch, ...row } = rows.get(key)!
    assert.ok(Math.abs(quantileMs(sketch, 0.5)! - 2) < 0.05)
    return row
  }
  const ok = { requests: 1, ok: 1, errors, clientErrors: 0, retries: 0, rescued: 0, inFlight: 0 }
  assert.deepEqual(counted('v1/'), { ...ok, retries: 1, rescued: 1 })
  assert.deepEqual(counted('v1/e1'), {
    ...ok,
    ok: 0,
    errors: { ...errors, gateway: 1 },
    fused: false,
    traces: ['a'.repeat(32)],
  })
  assert.deepEqual(counted('v1/e2'), { ...ok, fused: false })
})

test('a request whose retry went to another version counts where its first attempt failed', () => {
  const traffic = trafficOf()
  const exchange = exchangeOf({ version: 'v2' })
  traffic.requestStarted(exchange)
  exchange.attempts = 1
  traffic.attemptOver(exchange, attemptOf('e1', 'v2', 500))
  Object.assign(exchange, { attempts: 2, version: 'v1', rescued: true })
  traffic.attemptOver(exchange, attemptOf('e2', 'v1'))
  traffic.requestOver(exchange, outcomeOf())
  const rows = taken(traffic, new Map())
  assert.deepEqual([...rows.keys()].sort(), ['v1/e2', 'v2/', 'v2/e1'])
  assert.equal(rows.get('v2/')!.rescued, 1)
  assert.equal([...traffic.totals.values()].find(({ version }) => version === 'v2')?.rescued, 1)
})

test('a trace whose every attempt failed at one endpoint stands in its row once', () => {
  const traffic = trafficOf()
  const exchange = exchangeOf({ sampled: true })
  traffic.requestStarted(exchange)
  for (const attempts of [1, 2, 3]) {
    exchange.attempts = attempts
    traffic.attemptOver(exchange, attemptOf('e1', 'v1', 500))
  }
  traffic.requestOver(exchange, outcomeOf({ status: 500 }))
  const rows = taken(traffic, new Map())
  assert.deepEqual([rows.get('v1/e1')!.requests, rows.get('v1/e1')!.traces], [3, ['a'.repeat(32)]])
})

test('requests under way show at the end of each interval, for the caller and for the endpoint, also when nothing else happens', () => {
  const traffic = trafficOf()
  const known = new Map<number, ReportKey>()
  const first = exchangeOf({ endpointId: 'e1' })
  const second = exchangeOf()
  for (const exchange of [first, second, exchangeOf({ service: '' }), exchangeOf({}, 'inbound')])
    traffic.requestStarted(exchange)
  for (let interval = 0; interval < 2; interval++) {
    const rows = taken(traffic, known)
    assert.deepEqual([rows.get('v1/')?.inFlight, rows.get('v1/e1')?.inFlight], [2, 1])
    assert.equal(rows.get('v1/')?.requests, 0)
    assert.deepEqual(rows.get('v1/')?.sketch, [])
  }
  first.attempts = 1
  traffic.attemptOver(first, attemptOf('e1'))
  traffic.requestOver(first, outcomeOf())
  traffic.requestOver(second, outcomeOf({ status: 0, failure: failure('DC', 'left') }))
  const rows = taken(traffic, known)
  assert.deepEqual([rows.get('v1/')?.inFlight, rows.get('v1/e1')?.inFlight], [0, 0])
  assert.equal(taken(traffic, known).size, 0)
})

test('errors are told apart: the application, the gateway, a reset, a timeout; 4xx is the client', () => {
  const traffic = trafficOf()
  const over = (status: number, cause?: Parameters<typeof failure>[0]) => {
    const exchange = exchangeOf()
    traffic.requestStarted(exchange)
    traffic.requestOver(exchange, outcomeOf({ status, failure: cause && failure(cause, '') }))
  }
  over(500)
  over(502)
  over(503, 'UH')
  over(503, 'UC')
  over(504, 'UT')
  over(404)
  const row = taken(traffic, new Map()).get('v1/')!
  assert.deepEqual(row.errors, { http5xx: 1, gateway: 2, reset: 1, timeout: 1 })
  assert.deepEqual([row.requests, row.ok, row.clientErrors], [6, 1, 1])
})

test('a client that left says nothing about upstream or endpoint; its request counts in the totals', () => {
  const traffic = trafficOf()
  const exchange = exchangeOf()
  traffic.requestStarted(exchange)
  exchange.attempts = 1
  traffic.attemptOver(exchange, attemptOf('e1', 'v1', 0, failure('DC', 'left')))
  traffic.requestOver(exchange, outcomeOf({ status: 0, failure: failure('DC', 'left') }))
  assert.equal(traffic.takeRows(notFused).rows.length, 0)
  assert.equal(traffic.downstream.byStatus[500], 1)
  assert.equal(traffic.downstream.active, 0)
})

test('inbound requests make totals and no rows; a host that no route knows makes neither', () => {
  const traffic = trafficOf()
  const inbound = exchangeOf({ service: '.app', version: '' }, 'inbound')
  const unknown = exchangeOf({ service: 'whatever.example' })
  for (const exchange of [inbound, unknown]) traffic.requestStarted(exchange)
  traffic.attemptOver(inbound, attemptOf('app'))
  traffic.requestOver(inbound, outcomeOf())
  traffic.requestOver(unknown, outcomeOf({ status: 404, failure: failure('NR', '') }))
  assert.equal(traffic.takeRows(notFused).rows.length, 0)
  assert.deepEqual(
    [...traffic.totals.values()].map(({ service, requests }) => [service, requests]),
    [['.app', 1]],
  )
  assert.equal(traffic.downstream.requests, 2)
})

const once = (traffic: Traffic, change: Parameters<typeof exchangeOf>[0]) => {
  const exchange = exchangeOf(change)
  traffic.requestStarted(exchange)
  traffic.requestOver(exchange, outcomeOf())
}

test('past the bound of keys everything counts under one that shows, and no service gets around it by its name', () => {
  const traffic = trafficOf()
  for (let i = 0; i < KEYS_MAX; i++) once(traffic, { version: `v${i}` })
  once(traffic, { version: 'one more' })
  once(traffic, { service: 'overflow', version: 'v1' })
  once(traffic, { service: 'overflow', version: 'v2' })
  const { rows, keys } = traffic.takeRows(notFused)
  assert.equal(rows.length, KEYS_MAX + 1)
  const overflow = Object.entries(keys).find(([, { upstream }]) => upstream === 'overflow')!
  assert.deepEqual(overflow[1], { source: 'report', upstream: 'overflow', version: '', endpoint: '', route: '' })
  assert.equal(rows.find(({ key }) => key === Number(overflow[0]))?.requests, 3)
  assert.equal(traffic.totals.size, KEYS_MAX + 1)
})

test('a key is announced once, and again to whoever asks for all; a row unused for ten minutes is forgotten', () => {
  const traffic = trafficOf()
  once(traffic, {})
  const first = traffic.takeRows(notFused)
  assert.equal(Object.keys(first.keys).length, 1)
  once(traffic, {})
  assert.deepEqual(traffic.takeRows(notFused).keys, {})
  assert.deepEqual(traffic.announced(), first.keys)
  for (let i = 0; i < IDLE_INTERVALS; i++) traffic.takeRows(notFused)
  assert.deepEqual(traffic.announced(), {})
  once(traffic, {})
  assert.notDeepEqual(traffic.takeRows(notFused).keys, first.keys, 'a number is never given twice')
})

test('an endpoint that the fuse holds out keeps its row, requests or not', () => {
  const traffic = trafficOf()
  const exchange = exchangeOf()
  traffic.requestStarted(exchange)
  traffic.attemptOver(exchange, attemptOf('e1', 'v1', 503))
  traffic.requestOver(exchange, outcomeOf({ status: 503 }))
  traffic.takeRows(notFused)
  const { rows } = traffic.takeRows((service, endpoint) => service === 'expense' && endpoint === 'e1')
  assert.deepEqual([rows.length, rows[0]?.fused, rows[0]?.requests], [1, true, 0])
})

test('totals add up: status, time buckets at their bounds, exemplars of sampled requests', () => {
  const traffic = trafficOf()
  for (const durationMs of [0.5, 0.6, 5, 4_000_000]) {
    const exchange = exchangeOf({ sampled: durationMs === 5 })
    traffic.requestStarted(exchange)
    traffic.requestOver(exchange, outcomeOf({ durationMs }))
  }
  const [totals] = traffic.totals.values()
  assert.deepEqual([...totals!.timeBuckets].slice(0, 3), [1, 1, 1])
  assert.equal(totals!.timeBuckets.at(-1), 1)
  assert.equal(totals!.byStatus[100], 4)
  assert.equal(totals!.timeCount, 4)
  assert.deepEqual(totals!.exemplars[2], { traceId: 'a'.repeat(32), valueMs: 5, wallMs: 1_700_000_000_000 })
  assert.equal(totals!.exemplars[0], undefined)
})
