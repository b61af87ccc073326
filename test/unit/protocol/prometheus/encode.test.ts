import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode, encodeSteps } from '../../../../protocol/prometheus/encode.ts'
import type { Family } from '../../../../protocol/prometheus/family.ts'
import { parse } from '../../../../protocol/prometheus/parse.ts'

function read(body: string): Family[] {
  const result = parse(body, { format: body.endsWith('# EOF\n') ? 'openmetrics' : 'text' })
  assert.equal(result.status, 'ok', JSON.stringify(result))
  return result.status === 'ok' ? result.families : []
}

test('counter names translate between the formats', () => {
  const openMetrics = '# TYPE a counter\n# HELP a Help.\na_total 1\na_created 5\n# EOF\n'
  const text =
    '# HELP a_total Help.\n# TYPE a_total counter\na_total 1\n# HELP a_created Help.\n# TYPE a_created gauge\na_created 5\n'
  assert.equal(encode(read(openMetrics), 'text'), text)
  assert.equal(encode(read(openMetrics), 'openmetrics'), openMetrics)
  assert.equal(encode(read('# TYPE a counter\na 1\n'), 'openmetrics'), '# TYPE a counter\na_total 1\n# EOF\n')
  assert.equal(encode(read('# TYPE a counter\na 1\n'), 'text'), '# TYPE a counter\na 1\n')
})

test('info and stateset become gauges in text, and keep their series', () => {
  const openMetrics =
    '# TYPE build info\nbuild_info{v="1"} 1\n# TYPE mode stateset\nmode{mode="on"} 1\nmode{mode="off"} 0\n# EOF\n'
  assert.equal(
    encode(read(openMetrics), 'text'),
    '# TYPE build_info gauge\nbuild_info{v="1"} 1\n# TYPE mode gauge\nmode{mode="on"} 1\nmode{mode="off"} 0\n',
  )
  assert.equal(encode(read(openMetrics), 'openmetrics'), openMetrics)
})

test('a gaugehistogram is a histogram with two gauges in text', () => {
  const openMetrics = '# TYPE g gaugehistogram\ng_bucket{le="+Inf"} 2\ng_gsum 3\ng_gcount 2\n# EOF\n'
  assert.equal(
    encode(read(openMetrics), 'text'),
    '# TYPE g histogram\ng_bucket{le="+Inf"} 2\n# TYPE g_gsum gauge\ng_gsum 3\n# TYPE g_gcount gauge\ng_gcount 2\n',
  )
  assert.equal(encode(read(openMetrics), 'openmetrics'), openMetrics)
})

test('exemplars and units are for OpenMetrics alone, and only where it allows them', () => {
  const openMetrics =
    '# TYPE a_seconds histogram\n# UNIT a_seconds seconds\na_seconds_bucket{le="1"} 1 # {t="x"} 0.5 1.5\n# EOF\n'
  assert.equal(encode(read(openMetrics), 'openmetrics'), openMetrics)
  assert.equal(encode(read(openMetrics), 'text'), '# TYPE a_seconds histogram\na_seconds_bucket{le="1"} 1\n')
  const misplaced = '# TYPE a gauge\n# UNIT a seconds\na 1 # {t="x"} 1\n# EOF\n'
  assert.equal(encode(read(misplaced), 'openmetrics'), '# TYPE a gauge\na 1\n# EOF\n')
})

test('a counter below zero keeps its series in OpenMetrics, without the type that forbids it', () => {
  const text = '# TYPE a_total counter\na_total -1\n'
  assert.equal(encode(read(text), 'openmetrics'), '# TYPE a_total unknown\na_total -1\n# EOF\n')
  assert.equal(encode(read(text), 'text'), text)
})

test('names that only OpenMetrics reserves cost a type, never a series', () => {
  const text = '# TYPE jobs gauge\njobs 3\n# TYPE jobs_total counter\njobs_total 4\n'
  assert.equal(encode(read(text), 'text'), text)
  assert.equal(
    encode(read(text), 'openmetrics'),
    '# TYPE jobs gauge\njobs 3\n# TYPE jobs_total unknown\njobs_total 4\n# EOF\n',
  )
})

test('labels and help are escaped as their format asks', () => {
  const family: Family = {
    name: 'a',
    type: 'gauge',
    help: 'say "\\n"\n',
    unit: undefined,
    samples: [{ suffix: '', labels: ['b', '"\\\n'], value: 1, timestampMs: undefined, exemplar: undefined }],
  }
  assert.equal(encode([family], 'text'), '# HELP a say "\\\\n"\\n\n# TYPE a gauge\na{b="\\"\\\\\\n"} 1\n')
  assert.equal(
    encode([family], 'openmetrics'),
    '# TYPE a gauge\n# HELP a say \\"\\\\n\\"\\n\na{b="\\"\\\\\\n"} 1\n# EOF\n',
  )
})

test('a bucket bound is written as it was read, in either format', () => {
  for (const le of ['1', '1.0', '+Inf']) {
    const text = `# TYPE a histogram\na_bucket{le="${le}"} 1\n`
    assert.equal(encode(read(text), 'openmetrics'), `${text}# EOF\n`)
  }
})

test('nothing is still an exposition', () => {
  assert.equal(encode([], 'text'), '')
  assert.equal(encode([], 'openmetrics'), '# EOF\n')
})

test('a large exposition is written in many pieces', () => {
  const body = Array.from({ length: 10_000 }, (_, index) => `a{i="${index}"} ${index}\n`).join('')
  for (const format of ['text', 'openmetrics'] as const) {
    const pieces = [...encodeSteps(read(body), format)]
    assert.ok(pieces.length >= 10_000 / 256, `${pieces.length} pieces`)
    assert.ok(Math.max(...pieces.map(piece => piece.length)) < 10_000)
  }
})
