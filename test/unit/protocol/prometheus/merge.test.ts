import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from '../../../../protocol/prometheus/encode.ts'
import type { Family } from '../../../../protocol/prometheus/family.ts'
import type { ExpositionFormat } from '../../../../protocol/prometheus/format.ts'
import { Merge, type MergeOptions } from '../../../../protocol/prometheus/merge.ts'
import { parse } from '../../../../protocol/prometheus/parse.ts'
import { ToldApart } from '../../../../protocol/prometheus/told-apart.ts'
import { merged } from './merged.ts'

function read(body: string): Family[] {
  const result = parse(body, { format: body.endsWith('# EOF\n') ? 'openmetrics' : 'text' })
  assert.equal(result.status, 'ok', JSON.stringify(result))
  return result.status === 'ok' ? result.families : []
}

function mergedText(bodies: Record<string, string>, format: ExpositionFormat = 'text', options?: MergeOptions): string {
  const sources = Object.fromEntries(Object.entries(bodies).map(([source, body]) => [source, read(body)]))
  return encode(merged(sources, options).families, format)
}

test('a family of two sources has one HELP and one TYPE, its samples together', () => {
  const one = '# HELP a Help.\n# TYPE a gauge\na{x="1"} 1\n# TYPE b gauge\nb 1\n'
  const other = '# HELP a Other help.\n# TYPE a gauge\na{x="2"} 2\n'
  assert.equal(
    mergedText({ one, other }),
    '# HELP a Help.\n# TYPE a gauge\na{x="1"} 1\na{x="2"} 2\n# TYPE b gauge\nb 1\n',
  )
})

test('only metrics that would be identical are told apart, and the first source keeps its series', () => {
  const one = '# TYPE a gauge\na{x="1",y="2"} 1\n'
  const other = '# TYPE a gauge\na{y="2",x="1"} 5\na{x="3"} 6\n'
  assert.equal(
    mergedText({ one, other }),
    '# TYPE a gauge\na{x="1",y="2"} 1\na{y="2",x="1",source="other"} 5\na{x="3"} 6\n',
  )
})

test('a histogram is told apart whole: a bucket that only one source has belongs to its metric', () => {
  const one = '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n'
  const other = '# TYPE h histogram\nh_bucket{le="2"} 3\nh_bucket{le="+Inf"} 3\nh_sum 3\nh_count 3\n'
  assert.equal(
    mergedText({ one, other }),
    `${one}h_bucket{le="2",source="other"} 3
h_bucket{le="+Inf",source="other"} 3
h_sum{source="other"} 3
h_count{source="other"} 3
`,
  )
})

test('three sources with one series are three series', () => {
  const body = '# TYPE a gauge\na 1\n'
  assert.equal(
    mergedText({ one: body, two: body, three: body }),
    '# TYPE a gauge\na 1\na{source="two"} 1\na{source="three"} 1\n',
  )
})

test('a series that has a source label already, or stands in the way of the label, is told apart by another name', () => {
  assert.equal(
    mergedText({ one: 'a{source="x"} 1\n', two: 'a{source="x"} 2\n' }),
    '# TYPE a untyped\na{source="x"} 1\na{source="x",trimtab_source="two"} 2\n',
  )
  assert.equal(
    mergedText({ one: 'a 1\na{source="two"} 2\n', two: 'a 3\n' }),
    '# TYPE a untyped\na 1\na{source="two"} 2\na{trimtab_source="two"} 3\n',
  )
  assert.equal(
    mergedText({ one: 'a 1\n', two: 'a 3\na{source="two"} 4\n' }),
    '# TYPE a untyped\na 1\na{source="two"} 3\na{source="two",trimtab_source="two"} 4\n',
  )
})

test('a metric once told apart stays so while the other source is away', () => {
  const toldApart = new ToldApart()
  const options: MergeOptions = { conflicts: 'drop', toldApart }
  const body = '# TYPE a counter\na_total 1\n'
  mergedText({ one: body, two: body }, 'text', options)
  assert.equal(
    mergedText({ two: '# TYPE a counter\na_total 2\na_total{new="1"} 3\n' }, 'text', options),
    '# TYPE a_total counter\na_total{source="two"} 2\na_total{new="1"} 3\n',
  )
})

test('the memory of what was told apart is bounded, and what it forgot it learns again', () => {
  const toldApart = new ToldApart(10)
  for (let family = 0; family < 100; family++) toldApart.add('app', `family_${family}`, 'a=1:b', 'source')
  const remembered = Array.from({ length: 100 }, (_, family) => toldApart.of('app', `family_${family}`)?.size ?? 0)
  assert.equal(remembered.at(-1), 1)
  assert.equal(
    remembered.reduce((sum, size) => sum + size),
    1,
  )
  toldApart.add('app', 'long', 'x'.repeat(11), 'source')
  assert.equal(toldApart.of('app', 'long'), undefined)
})

test('a type in conflict leaves the name to the first source, and says who had it', () => {
  const sources = { one: read('# TYPE a gauge\na 1\n'), two: read('# TYPE a histogram\na_count 2\n') }
  const { families, contributions } = merged(sources)
  assert.equal(encode(families, 'text'), '# TYPE a gauge\na 1\n')
  assert.deepEqual(contributions['two']?.conflicts, [
    { family: 'a', type: 'histogram', heldBy: { source: 'one', family: 'a', type: 'gauge' }, renamedTo: undefined },
  ])
})

test('a type in conflict is prefixed by setting, with a name that Prometheus takes', () => {
  const bodies = { one: '# TYPE a gauge\na 1\n', '2 app.x': '# TYPE a counter\na 2\n' }
  assert.equal(
    mergedText(bodies, 'text', { conflicts: 'prefix' }),
    '# TYPE a gauge\na 1\n# TYPE _2_app_x_a counter\n_2_app_x_a 2\n',
  )
})

test('a prefixed name that is taken as well is left out', () => {
  const bodies = { one: '# TYPE a gauge\na 1\n# TYPE two_a gauge\ntwo_a 1\n', two: '# TYPE a counter\na 2\n' }
  assert.equal(mergedText(bodies, 'text', { conflicts: 'prefix' }), bodies.one)
})

test('two families with one series name are in conflict, though their own names differ', () => {
  const sources = { one: read('# TYPE a histogram\na_count 1\n'), two: read('# TYPE a_count gauge\na_count 2\n') }
  const { families, contributions } = merged(sources)
  assert.equal(encode(families, 'text'), '# TYPE a histogram\na_count 1\n')
  assert.deepEqual(contributions['two']?.conflicts[0]?.heldBy, { source: 'one', family: 'a', type: 'histogram' })
})

test('one source that contradicts itself keeps what it said first', () => {
  const { families, contributions } = merged({ one: read('# TYPE a gauge\na 1\n# TYPE a counter\na{b="c"} 2\n') })
  assert.equal(encode(families, 'text'), '# TYPE a gauge\na 1\n')
  assert.equal(contributions['one']?.conflicts.length, 1)
})

test('a source that says no type is no contradiction', () => {
  assert.equal(
    mergedText({ one: 'a_total 1\n', two: '# TYPE a_total counter\na_total{b="c"} 2\n' }),
    '# TYPE a_total counter\na_total 1\na_total{b="c"} 2\n',
  )
})

test('a series that a source says twice counts once: the first stays, and the other is counted', () => {
  const families = read('# TYPE a gauge\na{b="1",c="2"} 1\na{c="2",b="1"} 2\na{b="1",c="2"} 3 1000\n')
  const { families: out, contributions } = merged({ one: families })
  assert.equal(encode(out, 'text'), '# TYPE a gauge\na{b="1",c="2"} 1\na{b="1",c="2"} 3 1000\n')
  assert.equal(contributions['one']?.duplicates, 1)
})

test('label values cannot imitate one another', () => {
  const body = 'a{b="1,c=1:2"} 1\na{b="1",c="2"} 2\na{b="",c="1"} 3\na{c="1"} 4\n'
  assert.equal(mergedText({ one: body, two: '' }), `# TYPE a untyped\n${body}`)
})

test('creation times that text tells as gauges return to their family', () => {
  const text =
    '# TYPE a_total counter\na_total{x="1"} 1\na_total{x="2"} 2\n# TYPE a_created gauge\na_created{x="1"} 10\na_created{x="2"} 20\n'
  assert.equal(mergedText({ one: text }), text)
  assert.equal(
    mergedText({ one: text }, 'openmetrics'),
    '# TYPE a counter\na_total{x="1"} 1\na_created{x="1"} 10\na_total{x="2"} 2\na_created{x="2"} 20\n# EOF\n',
  )
})

test('a gauge that only sounds like creation times stays a gauge, at the cost of the counter being typed', () => {
  const text = '# TYPE orders_total counter\norders_total 1\n# TYPE orders_created gauge\norders_created{shop="1"} 10\n'
  assert.equal(mergedText({ one: text }), text)
  assert.equal(
    mergedText({ one: text }, 'openmetrics'),
    '# TYPE orders_total unknown\norders_total 1\n# TYPE orders_created gauge\norders_created{shop="1"} 10\n# EOF\n',
  )
})

test('a large family is added in many steps', () => {
  const body = Array.from({ length: 10_000 }, (_, index) => `a{i="${index}"} ${index}\n`).join('')
  const steps = [...new Merge({ conflicts: 'drop' }).add('app', read(body))]
  assert.ok(steps.length >= 10_000 / 256, `${steps.length} steps`)
})
