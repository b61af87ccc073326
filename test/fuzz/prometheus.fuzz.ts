import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encode } from '../../protocol/prometheus/encode.ts'
import { type ParseResult, parse } from '../../protocol/prometheus/parse.ts'
import {
  clashingFamilies,
  garbage,
  openMetricsFamilies,
  textFamilies,
} from '../unit/protocol/prometheus/arbitrary-families.ts'
import { assertWellFormed } from '../unit/protocol/prometheus/exposition-rules.ts'
import { merged } from '../unit/protocol/prometheus/merged.ts'

const runs = { numRuns: Number(process.env['FUZZ_RUNS'] ?? 300) }
const formats = ['text', 'openmetrics'] as const

/** Whole expositions with a few characters cut out, doubled or replaced. */
const damaged = fc
  .tuple(
    fc.oneof(textFamilies, openMetricsFamilies),
    fc.constantFrom(...formats),
    fc.array(fc.tuple(fc.nat(4000), fc.nat(20), fc.string({ maxLength: 4 })), { maxLength: 5 }),
  )
  .map(([families, format, edits]) => {
    let body = encode(families, format)
    for (const [at, length, put] of edits) {
      const from = body.length === 0 ? 0 : at % body.length
      body = body.slice(0, from) + put + body.slice(from + length)
    }
    return body
  })

function familiesOf(result: ParseResult) {
  return result.status === 'ok' ? result.families : []
}

test('no bytes make the reader throw or merge into something malformed', () => {
  const body = fc.oneof(garbage, damaged, fc.string({ unit: 'binary', maxLength: 200 }))
  fc.assert(
    fc.property(body, body, fc.constantFrom(...formats), fc.boolean(), (one, other, format, framed) => {
      const sources = {
        one: familiesOf(parse(one, { format, framed })),
        other: familiesOf(parse(other, { format, framed })),
      }
      for (const conflicts of ['drop', 'prefix'] as const) {
        const { families } = merged(sources, { conflicts })
        for (const written of formats) assertWellFormed(encode(families, written), written)
      }
    }),
    runs,
  )
})

test('what a merge writes reads back, in both formats, to what it wrote', () => {
  const source = fc.oneof(clashingFamilies, openMetricsFamilies, textFamilies)
  fc.assert(
    fc.property(source, source, source, (one, two, three) => {
      const { families } = merged({ one, two, three }, { conflicts: 'prefix' })
      for (const format of formats) {
        const written = encode(families, format)
        const read = parse(written, { format })
        assert.equal(read.status, 'ok', JSON.stringify(read))
        assert.equal(encode(familiesOf(read), format), written)
      }
    }),
    runs,
  )
})

test('a fault names a line of the body', () => {
  fc.assert(
    fc.property(fc.oneof(garbage, damaged), fc.constantFrom(...formats), (body, format) => {
      const result = parse(body, { format })
      if (result.status === 'invalid') {
        assert.ok(result.line >= 1 && result.line <= body.split('\n').length, `line ${result.line}`)
        assert.ok(result.reason.length < 300, result.reason)
      }
    }),
    runs,
  )
})
