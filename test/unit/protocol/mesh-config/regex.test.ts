import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { looksUnfinished, refuseRegex } from '../../../../protocol/mesh-config/regex.ts'

describe('a regular expression that is taken', () => {
  const taken = [
    '^[a-z].*',
    '/v[0-9]+/.*',
    '(v1|v2)',
    '(?:a|b)?c',
    'a{2,5}',
    '[(+*]+',
    '\\(a+\\)',
    '(?<name>x)',
    '[^]]',
    'a+?b*',
  ]
  for (const source of taken) it(source, () => assert.equal(refuseRegex(source), undefined))
})

describe('a regular expression that is refused', () => {
  const refused: [string, RegExp][] = [
    ['', /empty/],
    ['a'.repeat(201), /201 characters, 200/],
    ['(', /does not compile/],
    ['[b-a]', /does not compile/],
    ['(a+)+', /exponential/],
    ['(a*)*', /exponential/],
    ['((a+)b)*', /exponential/],
    ['(a|a)*', /exponential/],
    ['(?:a|b){2,50}', /exponential/],
    ['([a-z]+){3}', /exponential/],
    ['(?=a)b', /looks around/],
    ['(?!a)b', /looks around/],
    ['(?<=a)b', /looks around/],
    ['(?<!a)b', /looks around/],
    ['(a)\\1', /refers back/],
    ['(?<n>a)\\k<n>', /refers back/],
    ['(?i:a)', /flags/],
    ['.*.*.*.*.*', /more than 4/],
    ['a{101}', /more than 100 times/],
    ['a{1,5000}', /more than 100 times/],
  ]
  for (const [source, reason] of refused)
    it(`${source.slice(0, 20)}: ${reason.source}`, () => assert.match(refuseRegex(source) ?? 'taken', reason))
})

it('whatever the text, the check ends and what it takes compiles', () => {
  const bits = fc.constantFrom(
    '(',
    ')',
    '(?:',
    '[',
    ']',
    '^',
    'a',
    'b',
    '*',
    '+',
    '?',
    '{2,}',
    '{1,3}',
    '|',
    '\\',
    '\\d',
    '.',
  )
  fc.assert(
    fc.property(fc.array(bits, { maxLength: 30 }), parts => {
      const source = parts.join('')
      if (refuseRegex(source) === undefined) new RegExp(`^(?:${source})$`)
    }),
    { numRuns: 2000 },
  )
})

it('an expression looks unfinished when it says where it starts and not how it ends', () => {
  assert.deepEqual(['^[a-z]', '^/v[0-9]+', '^a.*', '^a$', 'a', '^'].map(looksUnfinished), [
    true,
    true,
    false,
    false,
    false,
    true,
  ])
})
