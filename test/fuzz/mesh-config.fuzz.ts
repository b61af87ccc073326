import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import fc from 'fast-check'
import { formatProblem } from '../../protocol/mesh-config/problem.ts'
import { readMeshConfig } from '../../protocol/mesh-config/read.ts'

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 300)
const good = readFileSync(new URL('../../demo/mesh.yaml', import.meta.url), 'utf8')

/** Whatever the text: an answer, each problem with a place inside the file and a sentence. */
function holds(text: string): void {
  const read = readMeshConfig(text, 'mesh.yaml')
  const problems = read.status === 'ok' ? read.warnings : read.problems
  assert.ok(read.status === 'ok' || problems.length > 0)
  assert.ok(problems.length <= 101)
  const lines = text.split(/\r\n|\n/)
  for (const problem of problems) {
    const line = lines[problem.line - 1]
    assert.ok(line !== undefined, `line ${problem.line} of ${lines.length}`)
    assert.ok(problem.column >= 1 && problem.column <= line.length + 2, `column ${problem.column} of ${line.length}`)
    assert.ok(problem.message.length > 0 && formatProblem(problem).length < 2000)
  }
}

const bits = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ':',
    ': ',
    '- ',
    '\n',
    '  ',
    '"',
    "'",
    '&a ',
    '*a',
    '!!x ',
    '<<: *a',
    '|\n',
    '? ',
    '#',
    '---\n',
    '%YAML 1.1\n',
    '~',
    '\t',
    ',',
  ),
  fc.constantFrom(
    'services',
    'versions',
    'gateway',
    'edge',
    'report',
    'off',
    '0',
    '-1',
    '1e999',
    '101%',
    '0s',
    '__proto__',
    'constructor',
    'regex: "(a|b)*"',
  ),
)

it('a valid file with pieces cut, doubled, swapped and put in is read or refused, never more', () => {
  const edit = fc.record({
    at: fc.nat(good.length),
    cut: fc.nat(60),
    put: fc.oneof(
      bits,
      fc
        .record({ from: fc.nat(good.length), length: fc.nat(80) })
        .map(({ from, length }) => good.slice(from, from + length)),
    ),
  })
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 5 }), edits => {
      let text = good
      for (const { at, cut, put } of edits) text = text.slice(0, at) + put + text.slice(at + cut)
      holds(text)
    }),
    { numRuns },
  )
})

it('words of the schema with any value behind them are read or refused', () => {
  const words = [...new Set(good.match(/[A-Za-z][\w-]*(?=:)/g))]
  const value = fc.letrec<{ node: unknown }>(tie => ({
    node: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.oneof(
        fc.constantFrom(null, 'off', 'gateway', '1s', '50%', 'a', 'v1', '/a'),
        fc.integer(),
        fc.boolean(),
        fc.string({ maxLength: 8 }),
      ),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...words), tie('node'), { maxKeys: 5 }),
    ),
  })).node
  const services = fc.dictionary(
    fc.constantFrom('a', 'b', 'gateway', 'A'),
    fc.dictionary(fc.constantFrom(...words), value),
  )
  fc.assert(
    fc.property(services, fc.dictionary(fc.constantFrom(...words), value), (services, rest) => {
      holds(JSON.stringify({ mesh: 'm', services, ...rest }, null, 2))
    }),
    { numRuns },
  )
})

it('any text at all is read or refused', () => {
  const text = fc.oneof(
    fc.array(bits, { maxLength: 60 }).map(parts => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 200 }),
  )
  fc.assert(fc.property(text, holds), { numRuns })
})
