import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Stream } from '../../../../proxy/http2/stream.ts'
import { StreamTable } from '../../../../proxy/http2/stream-table.ts'

test('a table of streams holds what a map would, whatever comes and goes in whatever order', () => {
  // Few ids far apart and near each other: they meet in the same slots.
  const id = fc.integer({ min: 0, max: 40 }).map(n => (n % 5) * 16 + n * 2 + 1)
  fc.assert(
    fc.property(fc.array(fc.record({ id, adds: fc.boolean() }), { maxLength: 300 }), steps => {
      const table = new StreamTable()
      const map = new Map<number, Stream>()
      for (const step of steps) {
        if (!step.adds) {
          table.delete(step.id)
          map.delete(step.id)
        } else if (!map.has(step.id)) {
          const stream = new Stream(step.id, undefined, 0, 0)
          table.add(stream)
          map.set(step.id, stream)
        }
        assert.equal(table.size, map.size)
        for (let n = 1; n < 150; n += 2) assert.equal(table.get(n), map.get(n))
      }
      assert.deepEqual(new Set(table.all()), new Set(map.values()))
    }),
  )
})
