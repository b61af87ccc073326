import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReporters } from '../../../../control/gather/reporters.ts'
import type { Reporter, Tick } from '../../../../protocol/tick.ts'

const reporter = (instance: string, epoch: number): Reporter => ({
  instance,
  service: 's',
  version: 'v',
  kind: 'sidecar',
  epoch,
  silentMs: 0,
})
const tick = (reporters: Reporter[], missing: Reporter[] = []): Tick => ({
  seq: 0,
  time: '',
  intervalMs: 250,
  rows: [],
  reporters,
  missing,
})

test('the highest epoch that any proxy has in force is known', () => {
  const reporters = createReporters()
  reporters.take(tick([reporter('a', 7), reporter('b', 12)]))
  reporters.take(tick([reporter('b', 9)]))
  assert.equal(reporters.epochMax, 12)
})

test('an epoch that nobody can have counted to is not believed', () => {
  const reporters = createReporters()
  reporters.take(tick([reporter('a', 7), reporter('liar', Number.MAX_SAFE_INTEGER)]))
  assert.equal(reporters.epochMax, 7)
})

test('a proxy that is neither heard nor missed any more is forgotten', () => {
  const reporters = createReporters()
  reporters.take(tick([reporter('a', 1)], [reporter('b', 1)]))
  assert.deepEqual([reporters.get('a')?.missing, reporters.get('b')?.missing], [false, true])
  for (let at = 0; at < 1000; at++) reporters.take(tick([reporter('c', 1)]))
  assert.deepEqual(
    [...reporters.all()].map(({ instance }) => instance),
    ['c'],
  )
})
