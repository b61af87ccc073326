import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { test } from 'node:test'
import { randomIds } from '../../../../proxy/observe/ids.ts'

const MANY = 5000

test('ids are lower-case hex of their length, none twice, over many refills of the pool', () => {
  const ids = randomIds(randomFillSync, () => 0)
  const traces = Array.from({ length: MANY }, () => ids.traceId())
  const spans = Array.from({ length: MANY }, () => ids.spanId())

  assert.ok(traces.every(id => /^[0-9a-f]{32}$/.test(id)))
  assert.ok(spans.every(id => /^[0-9a-f]{16}$/.test(id)))
  assert.equal(new Set([...traces, ...spans]).size, 2 * MANY)
})

test('an id of zeros is never given: it means that there is none', () => {
  let fills = 0
  const ids = randomIds(
    pool => pool.fill(fills++ === 0 ? 0 : 0xab),
    () => 0,
  )

  assert.equal(ids.traceId(), 'ab'.repeat(16))
  assert.equal(ids.spanId(), 'ab'.repeat(8))
})

test('a request id is a UUID of version 7 that begins with its time, and sorts by it (RFC 9562, 5.7)', () => {
  let nowMs = 0x0123_4567_89ab
  const ids = randomIds(randomFillSync, () => nowMs + 0.5)
  const first = Array.from({ length: MANY }, () => ids.requestId())
  nowMs++
  const later = ids.requestId()

  const form = /^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
  assert.deepEqual(
    first.filter(id => !form.test(id)),
    [],
  )
  assert.equal(new Set(first).size, MANY)
  assert.ok(later.startsWith('01234567-89ac-7') && first.every(id => id < later))
})

test('all four variants of a UUID come as often', () => {
  const ids = randomIds(randomFillSync, () => 0)
  const counts = new Map<string, number>()
  for (let n = 0; n < MANY; n++) {
    const variant = ids.requestId()[19]!
    counts.set(variant, (counts.get(variant) ?? 0) + 1)
  }

  assert.deepEqual([...counts.keys()].sort(), ['8', '9', 'a', 'b'])
  // 10 standard deviations.
  for (const count of counts.values()) assert.ok(Math.abs(count - MANY / 4) < 310, JSON.stringify([...counts]))
})
