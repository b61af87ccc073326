import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encode } from '../../../../protocol/prometheus/encode.ts'
import type { Family } from '../../../../protocol/prometheus/family.ts'
import type { ExpositionFormat } from '../../../../protocol/prometheus/format.ts'
import { parse } from '../../../../protocol/prometheus/parse.ts'
import { clashingFamilies, garbage, openMetricsFamilies, textFamilies } from './arbitrary-families.ts'
import { assertWellFormed } from './exposition-rules.ts'
import { merged } from './merged.ts'

const runs = { numRuns: 300, seed: 20_200 }

function read(body: string, format: ExpositionFormat): Family[] {
  const result = parse(body, { format })
  assert.equal(result.status, 'ok', JSON.stringify(result))
  return result.status === 'ok' ? result.families : []
}

function seriesOf(families: readonly Family[]): string[] {
  const lines = encode(families, 'text').split('\n')
  return lines.filter(line => !line.startsWith('#')).sort()
}

test('what is written as text 0.0.4 reads back as the same families', () => {
  fc.assert(
    fc.property(textFamilies, families => assert.deepStrictEqual(read(encode(families, 'text'), 'text'), families)),
    runs,
  )
})

test('what is written as OpenMetrics reads back as the same families', () => {
  fc.assert(
    fc.property(openMetricsFamilies, families =>
      assert.deepStrictEqual(read(encode(families, 'openmetrics'), 'openmetrics'), families),
    ),
    runs,
  )
})

test('text that goes through OpenMetrics and back says the same', () => {
  fc.assert(
    fc.property(textFamilies, families => {
      const translated = read(encode(families, 'openmetrics'), 'openmetrics')
      assert.equal(encode(translated, 'text'), encode(families, 'text'))
    }),
    runs,
  )
})

test('OpenMetrics that goes through text keeps every series and its value', () => {
  fc.assert(
    fc.property(openMetricsFamilies, families => {
      const text = encode(families, 'text')
      assert.deepStrictEqual(seriesOf(read(text, 'text')), seriesOf(families))
    }),
    runs,
  )
})

test('a merge of sources that clash is well-formed in both formats, and both say the same series', () => {
  fc.assert(
    fc.property(clashingFamilies, clashingFamilies, fc.constantFrom('drop', 'prefix'), (one, other, conflicts) => {
      const { families } = merged({ one, other }, { conflicts })
      const text = encode(families, 'text')
      const openMetrics = encode(families, 'openmetrics')
      assertWellFormed(text, 'text')
      assertWellFormed(openMetrics, 'openmetrics')
      const bareCounters = families.some(({ name, type }) => type === 'counter' && !name.endsWith('_total'))
      if (!bareCounters) assert.deepStrictEqual(seriesOf(read(openMetrics, 'openmetrics')), seriesOf(families))
    }),
    { ...runs, numRuns: 1000 },
  )
})

test('no body makes the reader throw, and what it accepts can be merged and written in both formats', () => {
  fc.assert(
    fc.property(garbage, garbage, fc.constantFrom('text', 'openmetrics'), (one, other, format) => {
      const results = [one, other].map(body => parse(body, { format }))
      const [first = [], second = []] = results.map(result => (result.status === 'ok' ? result.families : []))
      const { families } = merged({ first, second }, { conflicts: 'prefix' })
      assertWellFormed(encode(families, 'text'), 'text')
      assertWellFormed(encode(families, 'openmetrics'), 'openmetrics')
    }),
    { ...runs, numRuns: 2000 },
  )
})
