import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SpanBatch } from '../../../../proxy/observe/span-batch.ts'

test('a batch reads as the array of what was written, however long and in whatever script', () => {
  const span = fc.record({
    name: fc.string({ unit: 'binary' }),
    padding: fc.integer({ min: 0, max: 30_000 }),
    count: fc.maxSafeNat(),
  })
  fc.assert(
    fc.property(fc.array(span, { minLength: 1, maxLength: 8 }), drawn => {
      const spans = drawn.map(({ name, padding, count }) => ({ name: name + '€'.repeat(padding), count, plain: name }))
      const batch = new SpanBatch()

      for (const { name, count, plain } of spans) {
        batch.begin()
        batch.ascii('{"name":')
        batch.text(name)
        batch.encoded(Buffer.from(',"count":'))
        batch.integer(count)
        batch.json(`,"plain":${JSON.stringify(plain)}`)
        batch.ascii('}')
        batch.end()
      }

      assert.equal(batch.spans, spans.length)
      assert.deepEqual(JSON.parse(batch.body().toString()), spans)
    }),
    { numRuns: 60 },
  )
})

test('an integer is written with all its digits, at every border', () => {
  const borders = [2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER].flatMap(n => [n - 1, n, n + 1])
  const tens = Array.from({ length: 16 }, (_, n) => 10 ** n).flatMap(n => [n - 1, n])
  for (const value of [...borders, ...tens].filter(Number.isSafeInteger)) {
    const batch = new SpanBatch()
    batch.begin()
    batch.integer(value)
    batch.end()
    assert.equal(batch.body().toString(), `[${value}]`)
  }
})

test('a batch that was read, because its post failed, is read again as it was', () => {
  const batch = batchOf('{"id":1}')
  const first = batch.body().toString()

  assert.equal(batch.body().toString(), first)
})

test('a span that was begun and never ended is not in the batch', () => {
  const batch = batchOf('{"id":1}')
  batch.begin()
  batch.ascii('{"id":')
  const whole = batch.body().toString()
  batch.begin()
  batch.ascii('{"id":2}')
  batch.end()

  assert.equal(whole, '[{"id":1}]')
  assert.equal(batch.body().toString(), '[{"id":1},{"id":2}]')
})

function batchOf(span: string): SpanBatch {
  const batch = new SpanBatch()
  batch.begin()
  batch.ascii(span)
  batch.end()
  return batch
}
