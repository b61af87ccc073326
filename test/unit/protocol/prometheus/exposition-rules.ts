import assert from 'node:assert/strict'

/**
 * The rules of an exposition that no reader of ours would notice being broken, told by hand from the format's documents: each family
 * declared once, its samples directly beneath, no series twice, nothing after the end.
 */
export function assertWellFormed(text: string, format: 'text' | 'openmetrics'): void {
  const lines = text.split('\n')
  assert.equal(lines.pop(), '', 'the last line ends in a newline')
  if (format === 'openmetrics') assert.equal(lines.pop(), '# EOF')
  assert.ok(!lines.includes('# EOF'), 'one end at most')
  const declared = new Set<string>()
  const described = new Set<string>()
  const series = new Set<string>()
  let allowed: string[] = []
  for (const line of lines) {
    const metadata = /^# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) ?(.*)$/s.exec(line)
    if (metadata) {
      const [, word, name, said] = metadata as unknown as [string, string, string, string]
      assert.ok(!described.has(`${word} ${name}`), `${word} ${name} once`)
      described.add(`${word} ${name}`)
      if (word !== 'TYPE') continue
      assert.ok(!declared.has(name), `${name} once`)
      allowed = seriesOf(name, said, format)
      for (const each of allowed) assert.ok(!declared.has(each), `${each} belongs to one family`)
      for (const each of [name, ...allowed]) declared.add(each)
      continue
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)( -?[0-9.e+-]+)?( # \{.*\} \S+( \S+)?)?$/s.exec(line)
    assert.ok(sample, `a sample: ${line}`)
    const [, name, labels = '', , time = ''] = sample
    assert.ok(allowed.includes(name!), `${name} stands beneath its family`)
    const id = `${name} ${labelsOf(labels).sort().join()}${time}`
    assert.ok(!series.has(id), `${id} once`)
    series.add(id)
  }
}

function labelsOf(block: string): string[] {
  return block.match(/[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*"/g) ?? []
}

function seriesOf(name: string, type: string, format: 'text' | 'openmetrics'): string[] {
  const created = format === 'openmetrics' ? [`${name}_created`] : []
  switch (type) {
    case 'counter':
      return format === 'text' ? [name] : [`${name}_total`, ...created]
    case 'histogram':
      return [`${name}_bucket`, `${name}_sum`, `${name}_count`, ...created]
    case 'summary':
      return [name, `${name}_sum`, `${name}_count`, ...created]
    case 'gaugehistogram':
      assert.equal(format, 'openmetrics')
      return [`${name}_bucket`, `${name}_gsum`, `${name}_gcount`]
    case 'info':
      assert.equal(format, 'openmetrics')
      return [`${name}_info`]
    case 'gauge':
      return [name]
    case 'stateset':
    case 'unknown':
      assert.equal(format, 'openmetrics')
      return [name]
    case 'untyped':
      assert.equal(format, 'text')
      return [name]
    default:
      throw new Error(`no type of either format: ${type}`)
  }
}
