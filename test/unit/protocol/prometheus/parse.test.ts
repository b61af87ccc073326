import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from '../../../../protocol/prometheus/encode.ts'
import type { Family } from '../../../../protocol/prometheus/family.ts'
import type { ExpositionFormat } from '../../../../protocol/prometheus/format.ts'
import { defaultExpositionLimits } from '../../../../protocol/prometheus/limits.ts'
import { parse, parseSteps } from '../../../../protocol/prometheus/parse.ts'

function read(body: string, format: ExpositionFormat = 'text'): Family[] {
  const result = parse(body, { format })
  assert.equal(result.status, 'ok', JSON.stringify(result))
  return result.status === 'ok' ? result.families : []
}

/** Name, type, and samples as `suffix{labels} value`. */
function outline(families: readonly Family[]): [string, string, string[]][] {
  return families.map(({ name, type, samples }) => [
    name,
    type,
    samples.map(({ suffix, labels, value }) => `${suffix}{${labels.join()}} ${value}`),
  ])
}

function fault(body: string, format: ExpositionFormat = 'text', limits = {}): [string, number, string] | undefined {
  const result = parse(body, { format, limits: { ...defaultExpositionLimits, ...limits } })
  return result.status === 'ok' ? undefined : [result.cause, result.line, result.reason]
}

test('a family said twice, with its lines apart, is one family', () => {
  const body =
    '# HELP go_gc Cycles.\n# TYPE go_gc gauge\ngo_gc{a="1"} 1\nother 1\n# HELP go_gc Again.\n# TYPE go_gc gauge\ngo_gc{a="2"} 2\n'
  const families = read(body)
  assert.deepEqual(outline(families), [
    ['go_gc', 'gauge', ['{a,1} 1', '{a,2} 2']],
    ['other', 'unknown', ['{} 1']],
  ])
  assert.equal(families[0]?.help, 'Cycles.')
})

test('`# EOF` in the middle is what pasted bodies have: the last one must be there all the same', () => {
  const pasted = '# TYPE a counter\na_total 1\n# EOF\n# TYPE b gauge\nb 2\n# EOF\n'
  assert.deepEqual(outline(read(pasted, 'openmetrics')), [
    ['a_total', 'counter', ['{} 1']],
    ['b', 'gauge', ['{} 2']],
  ])
  assert.deepEqual(fault('a 1\n# EOF\nb 2\n', 'openmetrics'), [
    'truncated',
    3,
    'OpenMetrics without "# EOF" at its end',
  ])
})

test('a counter bears the name of its series, whichever format declared it', () => {
  const expected = [['a_total', 'counter', ['{} 1']]]
  assert.deepEqual(outline(read('# TYPE a_total counter\na_total 1\n')), expected)
  assert.deepEqual(outline(read('# TYPE a counter\na_total 1\n# EOF\n', 'openmetrics')), expected)
  assert.deepEqual(outline(read('# TYPE a counter\na_total 1\n')), expected, 'OpenMetrics names in text')
  assert.deepEqual(outline(read('# TYPE a_total counter\na_total 1\n# EOF\n', 'openmetrics')), expected, 'text names')
  assert.deepEqual(outline(read('# TYPE a counter\na 1\n')), [['a', 'counter', ['{} 1']]], 'a counter without ending')
})

test('a counter and a family of the bare name beside it are two families', () => {
  assert.deepEqual(outline(read('# TYPE a gauge\na 1\n# TYPE a_total counter\na_total 2\n')), [
    ['a', 'gauge', ['{} 1']],
    ['a_total', 'counter', ['{} 2']],
  ])
  assert.deepEqual(outline(read('# TYPE a counter\n# TYPE a_total counter\na 1\na_total 2\n')), [
    ['a', 'counter', ['{} 1']],
    ['a_total', 'counter', ['{} 2']],
  ])
})

test('a declared family without samples keeps its place and its name', () => {
  assert.deepEqual(outline(read('# TYPE a counter\n')), [['a', 'counter', []]])
  assert.deepEqual(outline(read('# TYPE a counter\n# EOF\n', 'openmetrics')), [['a_total', 'counter', []]])
  assert.deepEqual(outline(read('# TYPE a info\n# EOF\n', 'openmetrics')), [['a_info', 'info', []]])
})

test('samples of histograms and summaries find their family by their suffix', () => {
  const body =
    '# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 2\nh_count 1\nh_created 5\n# TYPE s summary\ns{quantile="0.5"} 3\ns_count 1\n'
  assert.deepEqual(outline(read(body)), [
    ['h', 'histogram', ['_bucket{le,1} 1', '_sum{} 2', '_count{} 1', '_created{} 5']],
    ['s', 'summary', ['{quantile,0.5} 3', '_count{} 1']],
  ])
})

test('samples that come before their TYPE lose nothing', () => {
  assert.deepEqual(outline(read('a 1\n# TYPE a gauge\na{b="c"} 2\n')), [['a', 'gauge', ['{} 1', '{b,c} 2']]])
  const series = outline(read('h_sum 1\n# TYPE h histogram\nh_sum{a="b"} 2\n')).flatMap(([name, , samples]) =>
    samples.map(sample => name + sample),
  )
  assert.deepEqual(series, ['h_sum{} 1', 'h_sum{a,b} 2'])
})

test('a family that breaks the rules of its type is kept as plain series', () => {
  const plain = (body: string) => outline(read(body)).map(([name, type]) => `${name} ${type}`)
  assert.deepEqual(plain('# TYPE h histogram\nh_bucket{le="high"} 1\nh_count 1\n'), [
    'h_bucket unknown',
    'h_count unknown',
  ])
  assert.deepEqual(plain('# TYPE h histogram\nh_bucket 1\n'), ['h_bucket unknown'])
  assert.deepEqual(plain('# TYPE s summary\ns{quantile="half"} 1\n'), ['s unknown'])
  assert.deepEqual(plain('# TYPE i info\ni_info 2\n'), ['i_info unknown'])
  assert.deepEqual(plain('# TYPE t stateset\nt{a="b"} 1\n'), ['t unknown'])
  assert.deepEqual(plain('# TYPE i info\ni 1\n'), ['i gauge'], 'an info without its ending')
})

test('values are read as Prometheus reads them', () => {
  const value = (text: string) => read(`a ${text}\n`)[0]?.samples[0]?.value
  assert.equal(value('1.5e+3'), 1500)
  assert.equal(value('+.5'), 0.5)
  for (const count of ['0', '007', '999999999999999', '9007199254740993']) assert.equal(value(count), Number(count))
  for (const text of ['NaN', 'nan', 'Nan']) assert.equal(value(text), Number.NaN)
  for (const text of ['+Inf', 'Inf', 'inf', 'Infinity']) assert.equal(value(text), Number.POSITIVE_INFINITY)
  assert.equal(value('-Inf'), Number.NEGATIVE_INFINITY)
  for (const text of ['0x10', '1_000', '', '0b1', '--1', '1e', '\u00a01', '+NaN', 'one']) {
    assert.equal(fault(`a ${text}\n`)?.[0], 'malformed', text)
  }
})

test('times are milliseconds in text and seconds in OpenMetrics', () => {
  assert.equal(read('a 1 1520879607789\n')[0]?.samples[0]?.timestampMs, 1520879607789)
  assert.equal(read('a 1 1520879607.789\n# EOF\n', 'openmetrics')[0]?.samples[0]?.timestampMs, 1520879607789)
  assert.equal(fault('a 1 1.5\n')?.[0], 'malformed')
  assert.equal(fault('a 1 NaN\n# EOF\n', 'openmetrics')?.[0], 'malformed')
})

test('escapes are undone, blanks and a last comma skipped, order and names of labels kept', () => {
  const [family] = read(' \ta { b = "x\\"\\\\\\n" ,\tle="\\d", } \t1\t\n')
  assert.deepEqual(family?.samples[0]?.labels, ['b', 'x"\\\n', 'le', '\\d'])
})

test('HELP undoes the escapes of its format', () => {
  assert.equal(read('# HELP a \\"one\\" \\\\ \\n\n')[0]?.help, '\\"one\\" \\ \n')
  assert.equal(read('# HELP a \\"one\\" \\\\ \\n\n# EOF\n', 'openmetrics')[0]?.help, '"one" \\ \n')
})

test('exemplars are read with their time, and those with labels beyond 128 characters left out and counted', () => {
  const body = `# TYPE a counter\na_total 1 # {trace_id="x"} 0.5 12.5\na_total{b="c"} 1 # {t="${'x'.repeat(128)}"} 1\n# EOF\n`
  const result = parse(body, { format: 'openmetrics' })
  assert.ok(result.status === 'ok')
  assert.deepEqual(
    result.families[0]?.samples.map(({ exemplar }) => exemplar),
    [{ labels: ['trace_id', 'x'], value: 0.5, timestampMs: 12_500 }, undefined],
  )
  assert.equal(result.exemplarsDropped, 1)
})

test('a comment is a comment: UNIT and EOF are words like others in text', () => {
  assert.deepEqual(outline(read('# UNIT tests follow\n# EOF\n#\n# whatever\na 1\n')), [['a', 'unknown', ['{} 1']]])
  assert.equal(read('# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# EOF\n', 'openmetrics')[0]?.unit, 'seconds')
})

test('a byte order mark and Windows line ends do no harm', () => {
  assert.deepEqual(outline(read('\ufeff# TYPE a gauge\r\na 1\r\n\r\n')), [['a', 'gauge', ['{} 1']]])
})

test('a fault names its line and what was found', () => {
  assert.deepEqual(fault('a 1\nb one\n'), ['malformed', 2, 'the value "one" is no number'])
  assert.deepEqual(fault('a\n'), ['malformed', 1, 'the value is missing'])
  assert.deepEqual(fault('{a="b"} 1\n'), ['malformed', 1, 'expected a metric name, found "{a=\\"b\\"} 1"'])
  assert.deepEqual(fault('a{b} 1\n'), ['malformed', 1, 'expected "=" after the label name b, found "} 1"'])
  assert.deepEqual(fault('a{b="c" d="e"} 1\n'), [
    'malformed',
    1,
    'expected "," or "}" after a label, found "d=\\"e\\"} 1"',
  ])
  assert.deepEqual(fault('a{b="c} 1\n'), ['malformed', 1, 'the value of the label b has no closing quote'])
  assert.deepEqual(fault('a{b="1",b="2"} 1\n'), ['malformed', 1, 'the label b stands twice'])
  assert.deepEqual(fault('a{__name__="b"} 1\n'), ['malformed', 1, 'the label name __name__ is reserved'])
  assert.deepEqual(fault('a 1 2 3\n'), ['malformed', 1, 'unexpected "3" after the sample'])
  assert.match(fault('# TYPE a number\n')?.[2] ?? '', /the TYPE of a is "number", allowed are counter, /)
  assert.deepEqual(fault('a 1 # {} 1 soon\n'), ['malformed', 1, 'the exemplar timestamp "soon" is no number'])
  assert.deepEqual(fault('a 1 # 1\n'), ['malformed', 1, 'expected the labels of an exemplar after "#", found "1"'])
  assert.deepEqual(fault('# HELP 1a x\n'), ['malformed', 1, 'expected a metric name after "# HELP"'])
})

test('a body cut within its last line is truncated, not malformed', () => {
  for (const end of [
    'a',
    'a{',
    'a{b="',
    'a{b="c"',
    'a{b="c"} ',
    '# TYPE',
    '# TYPE a',
    '# TYPE a gau',
    '# HELP a som',
    '# H',
    '#',
  ]) {
    assert.equal(fault(`x 1\n${end}`)?.[0], 'truncated', end)
  }
})

test('a missing newline at the end is no truncation when the line is whole and the body framed', () => {
  assert.deepEqual(outline(read('x 1\na{b="c"} 12')), [
    ['x', 'unknown', ['{} 1']],
    ['a', 'unknown', ['{b,c} 12']],
  ])
  assert.deepEqual(outline(read('a 1\n# EOF', 'openmetrics')), [['a', 'unknown', ['{} 1']]])
  const unframed = parse('x 1\na 12', { format: 'text', framed: false })
  assert.ok(unframed.status === 'invalid')
  assert.deepEqual([unframed.cause, unframed.line], ['truncated', 2])
})

test('OpenMetrics without its end is truncated, however whole its lines are', () => {
  assert.deepEqual(fault('a 1\n', 'openmetrics'), ['truncated', 1, 'OpenMetrics without "# EOF" at its end'])
  assert.equal(fault('', 'openmetrics')?.[0], 'truncated')
})

test('what was never an exposition is malformed, though its one line has no end', () => {
  assert.equal(fault('{"status":"ok"}')?.[0], 'malformed')
  assert.equal(fault('ok')?.[0], 'malformed')
})

test('every limit refuses the body, and says which', () => {
  assert.deepEqual(fault('a 1\nb 2\n', 'text', { samples: 1 }), ['limit', 2, 'more than 1 samples'])
  assert.deepEqual(fault('a 1\nb 2\n', 'text', { families: 1 }), ['limit', 2, 'more than 1 families'])
  assert.deepEqual(fault('a{b="1",c="2"} 1\n', 'text', { labels: 1 }), ['limit', 1, 'a sample has more than 1 labels'])
  assert.deepEqual(fault('abc 1\n', 'text', { nameLength: 2 }), ['limit', 1, 'a metric name is longer than 2'])
  assert.deepEqual(fault('a{bcd="1"} 1\n', 'text', { nameLength: 2 }), ['limit', 1, 'a label name is longer than 2'])
  assert.deepEqual(fault('# TYPE abc gauge\n', 'text', { nameLength: 2 }), [
    'limit',
    1,
    'a metric name is longer than 2',
  ])
  assert.deepEqual(fault('a{b="123"} 1\n', 'text', { labelValueLength: 2 }), [
    'limit',
    1,
    'the value of the label b is longer than 2',
  ])
  assert.deepEqual(fault('a 1\n#  12\n', 'text', { lineLength: 4 }), ['limit', 2, 'a line is longer than 4'])
  assert.deepEqual(fault(`a{b="${'\\\\'.repeat(3)}"} 1\n`, 'text', { labelValueLength: 5 })?.[0], 'limit')
  assert.deepEqual(fault('# HELP a 123\n', 'text', { helpLength: 2 }), ['limit', 1, 'the HELP of a is longer than 2'])
})

test('a large body is read in many steps', () => {
  const body = Array.from({ length: 10_000 }, (_, index) => `a{i="${index}"} ${index}\n`).join('')
  const steps = [...parseSteps(body, { format: 'text' })]
  assert.ok(steps.length >= 10_000 / 256, `${steps.length} steps`)
})

test('a value survives reading and writing to the last bit', () => {
  for (const text of ['0.1', '1e+300', '5e-324', '-0', '9007199254740993', '1.7976931348623157e+308']) {
    const [family] = read(`a ${text}\n`)
    const value = family?.samples[0]?.value
    assert.ok(Object.is(value, Number(text)), text)
    assert.ok(Object.is(read(encode([family!], 'text'))[0]?.samples[0]?.value, value), text)
  }
})
