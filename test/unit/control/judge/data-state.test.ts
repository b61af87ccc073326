import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataOf, noteCaller, reportersOf } from '../../../../control/judge/data-state.ts'
import type { Tick } from '../../../../protocol/tick.ts'
import { reporterOf } from './traffic.ts'

const tickOf = (present: string[], missing: string[]): Tick => ({
  seq: 1,
  time: '',
  intervalMs: 250,
  rows: [],
  reporters: present.map(instance => reporterOf(instance)),
  missing: missing.map(instance => reporterOf(instance)),
})
const times = { lastRequestAtMs: 10_000, idleAfterMs: 5000, nowMs: 11_000 }

test('requests a moment ago are traffic, none for a while is idle', () => {
  const callers = new Map([['report', 10_000]])
  const reporters = reportersOf(tickOf(['r1'], []))
  assert.equal(dataOf(callers, reporters, times).data, 'traffic')
  assert.equal(dataOf(callers, reporters, { ...times, nowMs: 16_000 }).data, 'idle')
})

test('all known callers silent is dark, some silent is not, and they are named', () => {
  const callers = new Map([['report', 10_000]])
  assert.deepEqual(dataOf(callers, reportersOf(tickOf([], ['r1', 'r2'])), times), {
    data: 'dark',
    missing: ['r1', 'r2'],
  })
  assert.deepEqual(dataOf(callers, reportersOf(tickOf(['r1'], ['r2'])), times), { data: 'traffic', missing: ['r2'] })
})

test('a silent proxy that never called the service darkens nothing', () => {
  const callers = new Map([['gateway', 10_000]])
  assert.equal(dataOf(callers, reportersOf(tickOf([], ['r1'])), times).data, 'traffic')
})

test('callers are forgotten ten minutes after their last request, and their number is bounded', () => {
  const callers = new Map<string, number>()
  for (let i = 0; i < 3000; i++) noteCaller(callers, `s${i}`, 0)
  assert.ok(callers.size <= 1000)
  dataOf(callers, reportersOf(tickOf([], [])), { ...times, nowMs: 700_000 })
  assert.equal(callers.size, 0)
})
