import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  addTo,
  countsOf,
  createWindow,
  failuresOf,
  firstMs,
  serviceWindow,
  sumOf,
  versionWindow,
} from '../../../../control/judge/windows.ts'

test('a sum over a span is the sum of the slots that it touches, whatever the gaps between counts', () => {
  const gaps = fc.array(fc.tuple(fc.integer({ min: 0, max: 4000 }), fc.integer({ min: 0, max: 50 })), { maxLength: 60 })
  fc.assert(
    fc.property(
      gaps,
      fc.integer({ min: 1, max: 2500 }),
      fc.integer({ min: 0, max: 5000 }),
      (counts, spanMs, waitMs) => {
        const window = createWindow(1, [{ slotMs: 250, slots: 11 }])
        const seen: { atMs: number; count: number }[] = []
        let nowMs = 0
        for (const [gapMs, count] of counts) {
          nowMs += gapMs
          addTo(window, [count], nowMs)
          seen.push({ atMs: nowMs, count })
        }
        nowMs += waitMs
        const oldest = Math.floor(nowMs / 250) - Math.ceil(spanMs / 250) + 1
        const expected = seen
          .filter(({ atMs }) => Math.floor(atMs / 250) >= oldest)
          .reduce((sum, { count }) => sum + count, 0)
        assert.equal(sumOf(window, spanMs, nowMs)[0], expected)
      },
    ),
  )
})

test('a span longer than the fine ring is taken from a coarser one', () => {
  const window = versionWindow()
  for (let second = 0; second < 300; second++) addTo(window, [1, 0, 0, 0, 0, 0, 0], second * 1000)
  const nowMs = 299_000
  assert.equal(sumOf(window, 10_000, nowMs)[0], 10)
  assert.equal(sumOf(window, 60_000, nowMs)[0], 60)
  assert.equal(sumOf(window, 300_000, nowMs)[0], 300)
})

test('thirty days of a service are remembered in bounded memory', () => {
  const window = serviceWindow()
  const hourMs = 3_600_000
  for (let hour = 0; hour < 24 * 40; hour++) addTo(window, [100, 1, 0], hour * hourMs)
  const nowMs = 24 * 40 * hourMs - 1
  assert.deepEqual(sumOf(window, 30 * 24 * hourMs, nowMs), [100 * 30 * 24, 30 * 24, 0])
  const numbers = window.rings.reduce((sum, { counts }) => sum + counts.length, 0)
  assert.ok(numbers < 3000, `${numbers} numbers`)
})

test('a window without counts holds no slots', () => {
  assert.deepEqual(
    versionWindow().rings.map(({ counts }) => counts.length),
    [0, 0],
  )
})

test('a rescued request counts against the version like a failed one, a slow one does not', () => {
  const window = versionWindow()
  addTo(window, [10, 1, 1, 1, 1, 1, 5], 1000)
  assert.equal(failuresOf(countsOf(window, 1000, 1000)), 5)
})

test('the first slot with a failure is found within the span, and now when there is none', () => {
  const window = createWindow(2, [{ slotMs: 250, slots: 41 }])
  addTo(window, [1, 0], 1000)
  addTo(window, [1, 1], 2000)
  addTo(window, [1, 1], 3000)
  assert.equal(firstMs(window, 1, 10_000, 3100), 2000)
  assert.equal(firstMs(window, 1, 500, 3100), 3000)
  assert.equal(firstMs(window, 1, 500, 9000), 9000)
})
