import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SpanBatch } from '../../../../proxy/observe/span-batch.ts'

test('a batch reads as the array of what was added, however long and in whatever script', () => {
  const span = fc.record({ name: fc.string({ unit: 'binary' }), padding: fc.integer({ min: 0, max: 30_000 }) })
  fc.assert(
    fc.property(fc.array(span, { minLength: 1, maxLength: 8 }), drawn => {
      const spans = drawn.map(({ name, padding }) => ({ name: name + '€'.repeat(padding) }))
      const batch = new SpanBatch()

      for (const each of spans) batch.add(JSON.stringify(each))

      assert.equal(batch.spans, spans.length)
      assert.deepEqual(JSON.parse(batch.json().toString()), spans)
    }),
    { numRuns: 60 },
  )
})

test('a batch that was read, because its post failed, is read again as it was', () => {
  const batch = new SpanBatch()
  batch.add('{"id":1}')
  const first = batch.json().toString()

  assert.equal(batch.json().toString(), first)
})
