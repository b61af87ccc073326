import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { liveMerge } from '../../../../control/gather/live-merge.ts'
import type { Reporter, Tick, TickRow } from '../../../../protocol/tick.ts'

const row = (version: string, requests: number, changes: Partial<TickRow> = {}): TickRow => ({
  source: 'report',
  upstream: 'expense',
  version,
  endpoint: '',
  route: '',
  requests,
  ok: requests,
  errors: { http5xx: 0, gateway: 0, reset: 0, timeout: 0 },
  clientErrors: 0,
  retries: 0,
  rescued: 0,
  inFlight: 1,
  fusedBy: 0,
  knownBy: 1,
  sketch: [10, requests],
  traces: [],
  ...changes,
})
const reporter = (instance: string, silentMs = 0): Reporter => ({
  instance,
  service: 's',
  version: 'v',
  kind: 'sidecar',
  epoch: 1,
  silentMs,
})
const tick = (rows: TickRow[], changes: Partial<Tick> = {}): Tick => ({
  seq: 1,
  time: '2026-01-01T00:00:00.000Z',
  intervalMs: 250,
  rows,
  reporters: [],
  missing: [],
  ...changes,
})
const arrange = (...collectors: string[]) => {
  const merge = liveMerge(300)
  for (const collector of collectors) merge.connected(collector)
  return merge
}

test('the ticks of a single collector pass at once', () => {
  const merge = arrange('a')
  assert.deepEqual(merge.take('a', tick([row('v1', 3)]), 0)?.rows, [row('v1', 3)])
})

test('rows of two collectors add, and one tick comes of both', () => {
  const merge = arrange('a', 'b')
  assert.equal(merge.take('a', tick([row('v1', 3)]), 0), undefined)
  const merged = merge.take('b', tick([row('v1', 4), row('v2', 1)]), 10)
  assert.deepEqual(
    merged?.rows.map(({ version, requests, inFlight, sketch }) => ({ version, requests, inFlight, sketch })),
    [
      { version: 'v1', requests: 7, inFlight: 2, sketch: [10, 7] },
      { version: 'v2', requests: 1, inFlight: 1, sketch: [10, 1] },
    ],
  )
  assert.equal(merged?.intervalMs, 250)
})

test('a collector that is late is not waited for longer than the bound', () => {
  const merge = arrange('a', 'b')
  merge.take('a', tick([row('v1', 3)]), 0)
  assert.equal(merge.due(299), undefined)
  assert.equal(merge.due(300)?.rows[0]?.requests, 3)
  assert.equal(merge.due(900), undefined)
})

test('a collector that goes is not waited for, and what it sent counts', () => {
  const merge = arrange('a', 'b')
  merge.take('a', tick([row('v1', 3)]), 0)
  assert.equal(merge.disconnected('b')?.rows[0]?.requests, 3)
})

test('two ticks of one collector while the other is late are one over the time of both; gauges are not added', () => {
  const merge = arrange('a', 'b')
  merge.take('a', tick([row('v1', 3)]), 0)
  merge.take('a', tick([row('v1', 4)]), 250)
  const merged = merge.due(300)
  assert.equal(merged?.intervalMs, 500)
  assert.deepEqual([merged?.rows[0]?.requests, merged?.rows[0]?.inFlight], [7, 1])
})

test('a proxy that one collector misses and another hears is not missing', () => {
  const merge = arrange('a', 'b')
  merge.take('a', tick([], { missing: [reporter('moved', 2000), reporter('gone', 5000)] }), 0)
  const merged = merge.take('b', tick([], { reporters: [reporter('moved')], missing: [reporter('gone', 3000)] }), 0)
  assert.deepEqual(merged?.missing, [reporter('gone', 3000)])
})

test('no request is lost or counted twice, in whatever order ticks come', () => {
  const sent = fc.record({ collector: fc.constantFrom('a', 'b', 'c'), requests: fc.nat(100), gapMs: fc.nat(200) })
  fc.assert(
    fc.property(fc.array(sent, { maxLength: 40 }), sends => {
      const merge = arrange('a', 'b', 'c')
      let now = 0
      let seen = 0
      const count = (merged: Tick | undefined) => {
        for (const { requests } of merged?.rows ?? []) seen += requests
      }
      for (const { collector, requests, gapMs } of sends) {
        now += gapMs
        count(merge.due(now))
        count(merge.take(collector, tick([row('v1', requests)]), now))
      }
      count(merge.due(now + 1000))
      assert.equal(
        seen,
        sends.reduce((sum, { requests }) => sum + requests, 0),
      )
    }),
  )
})
