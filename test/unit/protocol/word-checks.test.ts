import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { snapshot } from '../../../bench/peers/trimtab.ts'
import { checks } from '../../../protocol/word-checks.ts'
import { words } from '../../../protocol/words.ts'
import { renderWordChecks } from '../../../scripts/render-word-checks.ts'

const names = Object.keys(words) as (keyof typeof words)[]
const { sections = {}, ...line } = snapshot({ versions: { v1: [9000], v2: [9001] } })
const issued = {
  spiffeId: 'spiffe://demo.mesh/x',
  chain: 'pem',
  roots: ['pem'],
  issuer: 'f',
  notBefore: '2026-01-01T00:00:00Z',
  notAfter: '2026-01-02T00:00:00Z',
}
const samples: Record<keyof typeof words, unknown> = {
  hello: { protocol: 1, program: 'control', version: '1.0.0' },
  snapshotLine: { ...line, sections },
  listener: sections['listener']?.value,
  telemetry: sections['telemetry']?.value,
  upstream: sections['upstream/backend']?.value,
  identity: {
    trustDomain: 'demo.mesh',
    dc: 'dc1',
    spiffeId: 'spiffe://demo.mesh/x',
    roots: ['pem'],
    issuer: 'f'.repeat(64),
  },
  intentions: {
    default: 'deny',
    rules: [
      {
        name: 'expense allow 1',
        action: 'allow',
        dryRun: false,
        precedence: 9,
        source: { services: ['report'] },
        methods: ['GET'],
        pathPrefix: '/api',
        headers: { 'x-debug': { exact: '1' } },
        jwt: { provider: 'okta', claims: { scope: { prefix: 'a' } } },
      },
    ],
    jwt: {
      okta: { issuer: 'okta', audiences: ['a'], clockSkewMs: 0, header: 'authorization', forward: { sub: 'x-user' } },
    },
  },
  issuedCertificate: issued,
  kept: { ...issued, keyPem: 'pem', trustDomain: 'demo.mesh', dc: 'dc1', receivedMs: 1 },
  trustedRoots: { trustDomain: 'demo.mesh', dc: 'dc1', roots: ['pem'] },
}

test('the checks on disk are those that the schemas ask for', () => {
  const onDisk = readFileSync(new URL('../../../protocol/word-checks.generated.ts', import.meta.url), 'utf8')

  assert.equal(onDisk === renderWordChecks(), true, 'run `npm run checks` and commit the result')
})

test('a word holds', () => {
  for (const [name, sample] of Object.entries(samples))
    assert.equal(checks[name as keyof typeof words].holds(sample), true, name)
})

test('whatever becomes of one field of a word, the check says what the schema library says', () => {
  const libraryHolds = Object.fromEntries(names.map(name => [name, Compile(words[name])]))
  const verdicts = { holds: 0, fails: 0 }
  const places = Object.entries(samples).flatMap(([name, sample]) =>
    pathsIn(sample).map(path => ({ name, sample, path })),
  )
  const instead = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(undefined, -1, 1e9, 0.5, 'x'.repeat(300), '😀'.repeat(200)),
  )

  fc.assert(
    fc.property(fc.constantFrom(...places), instead, ({ name, sample, path }, value) => {
      const changed = withChanged(sample, path, value)
      const expected = libraryHolds[name]!.Check(changed)
      verdicts[expected ? 'holds' : 'fails']++
      assert.equal(checks[name as keyof typeof words].holds(changed), expected)
    }),
    { numRuns: 3000, seed: 7 },
  )
  assert.ok(verdicts.holds > 100 && verdicts.fails > 100, JSON.stringify(verdicts))
})

test('what is wrong with a word is told by its path', () => {
  assert.match(checks.hello.problem({ protocol: 0, program: 'control', version: '1' }), /^\/protocol must be >= 1/)
  assert.match(checks.listener.problem(7), /^\/ must be object/)
})

/** Of every field within, as names from the top. */
function pathsIn(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...path]]
  return [[...path], ...Object.entries(value).flatMap(([name, inner]) => pathsIn(inner, [...path, name]))]
}

/** `undefined`: the field is gone. */
function withChanged(value: unknown, [name, ...rest]: readonly string[], to: unknown): unknown {
  if (name === undefined) return to
  const copy = structuredClone(value) as Record<string, unknown>
  const changed = withChanged(copy[name], rest, to)
  if (changed === undefined) delete copy[name]
  else copy[name] = changed
  return copy
}
