import fc from 'fast-check'
import type { Intention, Intentions } from '../../../../protocol/intentions.ts'
import type { TextMatch } from '../../../../protocol/text-match.ts'

/** Intentions and calls from a small world, so that rules fit often and overlap much. */

const optional = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) => fc.record(fields, { requiredKeys: [] })

export const services = ['report', 'web', 'edge', 'other']
const path = fc.constantFrom('/', '/a', '/a/b', '/b', '/a%2Fb')
const onePath = fc.oneof(
  fc.constant({}),
  path.map(value => ({ path: value })),
  path.map(value => ({ pathPrefix: value })),
  fc.constantFrom('/[ab]', '/a.*', '.*').map(value => ({ pathRegex: value })),
)
const text: fc.Arbitrary<TextMatch> = fc.oneof(
  fc.constantFrom('1', '2').map(exact => ({ exact })),
  fc.constant({ prefix: '1' }),
  fc.constant({ regex: '[12]' }),
  fc.boolean().map(present => ({ present })),
)
const source: fc.Arbitrary<Intention['source']> = fc.oneof(
  fc.constant({ any: true as const }),
  fc.uniqueArray(fc.constantFrom('report', 'web', 'edge'), { minLength: 1 }).map(names => ({ services: names })),
  fc
    .constantFrom('spiffe://m/ns/default/dc/dc1/svc/*', 'spiffe://m/ns/default/dc/dc1/svc/web', 'spiffe://x/*')
    .map(spiffe => ({ spiffe })),
)
const rule = fc
  .record({
    action: fc.constantFrom<'allow' | 'deny'>('allow', 'deny'),
    dryRun: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
    source,
    path: onePath,
    rest: optional({
      methods: fc.uniqueArray(fc.constantFrom('GET', 'POST'), { minLength: 1 }),
      headers: fc.dictionary(fc.constantFrom('x-a', 'x-b'), text, { maxKeys: 2 }),
      jwt: fc.record({
        provider: fc.constantFrom('p', 'q'),
        claims: fc.dictionary(fc.constantFrom('g', 'n.m'), text, { maxKeys: 2 }),
      }),
    }),
  })
  .map(({ path: one, rest, ...parts }) => ({ precedence: 9, ...parts, ...one, ...rest }))

const provider = { issuer: 'i', audiences: ['a'], clockSkewMs: 0, header: 'authorization', forward: {} }
/** Providers of the intentions, to be completed with keys where tokens are to be verified. */
export const providers = { p: provider, q: { ...provider, header: 'x-q' } }

export const intentions: fc.Arbitrary<Intentions> = fc
  .record({ default: fc.constantFrom<'allow' | 'deny'>('allow', 'deny'), rules: fc.array(rule, { maxLength: 8 }) })
  .map(({ default: byDefault, rules }) => ({
    default: byDefault,
    rules: rules.map((parts, index) => ({ name: `r${index}`, ...parts })),
    jwt: providers,
  }))

export const callers = fc.constantFrom(...services, '').map(name => ({
  source: name,
  sourceId: name === '' ? '' : `spiffe://m/ns/default/dc/dc1/svc/${name}`,
}))
export const methods = fc.constantFrom('GET', 'POST', 'get', 'DELETE')
/** As a request may carry them; with what is to be seen of them after normalising. */
export const targets = fc.constantFrom(
  ['/', '/'],
  ['/a', '/a'],
  ['/a?x=/b', '/a'],
  ['/a/b', '/a/b'],
  ['//a/./b', '/a/b'],
  ['/%61', '/a'],
  ['/%2e%2e/b', '/b'],
  ['/b/..%2f../a', '/b/..%2F../a'],
  ['/a%2fb', '/a%2Fb'],
  ['/a/', '/a/'],
  ['/ab', '/ab'],
  ['/%25%36%31', '/%2561'],
)
export const headerLines = fc.array(
  fc.tuple(fc.constantFrom('x-a', 'x-b'), fc.constantFrom('1', '2', '12', '3, 1', 'z')),
  { maxLength: 3 },
)
export const claims = fc.record(
  { g: fc.oneof(fc.constantFrom('1', '2', 'z'), fc.constant(['z', '1'])), n: fc.constantFrom({ m: 1 }, {}, 'x') },
  { requiredKeys: [] },
)
