import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeRecords, encodeRecord, type LogRecord } from '../../../../collector/ship/log/record.ts'

const record = fc
  .tuple(
    fc.constantFrom('span' as const, 'traffic' as const, 'decision' as const),
    fc.array(fc.string({ maxLength: 20 }), { minLength: 1, maxLength: 5 }),
  )
  .map(
    ([kind, lines]): LogRecord => ({
      kind,
      count: lines.length,
      payload: Buffer.from(`${lines.map(line => JSON.stringify(line)).join('\n')}\n`),
    }),
  )
const written = (records: LogRecord[]): Buffer => Buffer.concat(records.flatMap(encodeRecord))
const plain = (records: LogRecord[]) =>
  records.map(({ kind, count, payload }) => ({ kind, count, text: payload.toString() }))

test('what was written is read back', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 8 }), records => {
      const decoded = decodeRecords(written(records), Number.POSITIVE_INFINITY)
      assert.deepEqual(plain(decoded.records), plain(records))
      assert.equal(decoded.rest, 'none')
    }),
  )
})

test('cut at any byte, the file gives the records that were whole, and says that the rest is torn', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 4 }), records => {
      const whole = written(records)
      for (let cut = 0; cut <= whole.length; cut++) {
        const decoded = decodeRecords(whole.subarray(0, cut), Number.POSITIVE_INFINITY)
        assert.deepEqual(plain(decoded.records), plain(records.slice(0, decoded.records.length)))
        assert.equal(decoded.bytes, written(records.slice(0, decoded.records.length)).length)
        assert.equal(decoded.rest, decoded.bytes === cut ? 'none' : 'torn')
      }
    }),
    { numRuns: 20 },
  )
})

test('a byte that changed is never taken for what was written', () => {
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 4 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (records, at, change) => {
        const spoiled = Buffer.from(written(records))
        const index = at % spoiled.length
        spoiled[index] = spoiled[index]! ^ change
        const decoded = decodeRecords(spoiled, Number.POSITIVE_INFINITY)
        assert.ok(decoded.records.length < records.length)
        assert.deepEqual(plain(decoded.records), plain(records.slice(0, decoded.records.length)))
      },
    ),
  )
})

test('zeros that a file system leaves at the end of a file are no records', () => {
  const decoded = decodeRecords(Buffer.alloc(64), Number.POSITIVE_INFINITY)
  assert.equal(decoded.records.length, 0)
  assert.notEqual(decoded.rest, 'none')
})
