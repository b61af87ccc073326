import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ANSWERING, BODY, CLOSED, DISCARDING, HEAD, LINGERING, TUNNEL } from '../../../../proxy/accept/intake.ts'
import { type Overdue, whatIsOverdue } from '../../../../proxy/accept/overdue.ts'
import { defaultListenerLimits } from '../../../../proxy/accept/settings.ts'

const limits = {
  ...defaultListenerLimits,
  headTimeoutMs: 100,
  idleTimeoutMs: 200,
  bodyTimeoutMs: 300,
  tunnelIdleTimeoutMs: 400,
  lingerMs: 500,
}

/** Told at these moments of a client that was last heard at 1000. */
function told(state: number, change: { isPaused?: boolean; headSinceMs?: number }, ...moments: number[]): Overdue[] {
  const client = { state, isPaused: false, sinceMs: 1000, headSinceMs: 0, ...change }
  return moments.map(nowMs => whatIsOverdue(client, limits, nowMs))
}

test('each of what a client owes has its own time, and is late a moment past it', () => {
  assert.deepEqual(told(HEAD, {}, 1200, 1201), ['nothing', 'idle'])
  assert.deepEqual(told(BODY, {}, 1300, 1301), ['nothing', 'body'])
  assert.deepEqual(told(DISCARDING, {}, 1300, 1301), ['nothing', 'rest'])
  assert.deepEqual(told(TUNNEL, {}, 1400, 1401), ['nothing', 'tunnel'])
  assert.deepEqual(told(LINGERING, {}, 1500, 1501), ['nothing', 'close'])
})

test('a head runs from its first byte: one that trickles in wins no time by it', () => {
  assert.deepEqual(told(HEAD, { headSinceMs: 900 }, 1000, 1001), ['nothing', 'head'])
})

test('a client that we do not read owes no body, and one that waits for its answer owes nothing', () => {
  assert.deepEqual(told(BODY, { isPaused: true }, 1e9), ['nothing'])
  assert.deepEqual([told(ANSWERING, {}, 1e9), told(CLOSED, {}, 1e9)], [['nothing'], ['nothing']])
})
