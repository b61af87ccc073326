import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { normalTraceId, readSpan, Span, writeSpan } from '../../../protocol/span.ts'

const least = { traceId: '1', id: '2' }
const isSpan = Compile(Span)

function spanFrom(fields: Record<string, unknown>) {
  const read = readSpan({ ...least, ...fields })
  assert.equal(read.status, 'ok', JSON.stringify(read))
  return read.status === 'ok' ? read.span : undefined
}

function reasonOf(value: unknown) {
  const read = readSpan(value)
  assert.equal(read.status, 'invalid', JSON.stringify(read))
  return read.status === 'invalid' ? read.reason : ''
}

describe('what a span may leave out or write differently', () => {
  const tolerated: [string, Record<string, unknown>, Record<string, unknown>][] = [
    ['short ids are padded', { traceId: 'AbC', id: 'F' }, { traceId: '0000000000000abc', id: '000000000000000f' }],
    [
      'a trace id of 17 to 31 digits is padded to 32',
      { traceId: `a${'0'.repeat(16)}` },
      { traceId: `${'0'.repeat(15)}a${'0'.repeat(16)}` },
    ],
    [
      'an upper half of zeros is dropped',
      { traceId: `${'0'.repeat(16)}00000000000000ab` },
      { traceId: '00000000000000ab' },
    ],
    [
      'null is absent',
      {
        parentId: null,
        kind: null,
        name: null,
        timestamp: null,
        tags: null,
        annotations: null,
        localEndpoint: null,
        shared: null,
      },
      {},
    ],
    ['a parent of zeros is absent', { parentId: '0000000000000000' }, {}],
    ['a span that is its own parent has none', { id: '2', parentId: '0000000000000002' }, {}],
    ['zero times are absent', { timestamp: 0, duration: 0 }, {}],
    [
      'times may be text',
      { timestamp: '1700000000000000', duration: '12' },
      { timestamp: 1700000000000000, duration: 12 },
    ],
    ['times may have a fraction', { duration: 12.9 }, { duration: 12 }],
    [
      'tags may be numbers and booleans',
      { tags: { a: 1, b: true, c: 'x', d: null } },
      { tags: { a: '1', b: 'true', c: 'x' } },
    ],
    [
      'empty tags, endpoints and annotations are absent',
      { tags: {}, localEndpoint: {}, remoteEndpoint: { serviceName: '', port: 0 }, annotations: [] },
      {},
    ],
    ['flags that are false are absent', { shared: false, debug: false }, {}],
    ['unknown fields are left out', { more: { a: 1 } }, {}],
    [
      'a full span stays as it is',
      {
        kind: 'SERVER',
        name: 'get /',
        localEndpoint: { serviceName: 'report', ipv4: '10.0.0.1', port: 80 },
        annotations: [{ timestamp: 1, value: 'ws' }],
        shared: true,
        debug: true,
      },
      {
        kind: 'SERVER',
        name: 'get /',
        localEndpoint: { serviceName: 'report', ipv4: '10.0.0.1', port: 80 },
        annotations: [{ timestamp: 1, value: 'ws' }],
        shared: true,
        debug: true,
      },
    ],
  ]
  for (const [rule, given, expected] of tolerated)
    it(rule, () => {
      const ids = { traceId: '0000000000000001', id: '0000000000000002' }
      assert.deepEqual(spanFrom(given), { ...ids, ...expected })
    })
})

describe('what refuses a span, with the path of the field', () => {
  const refused: [unknown, RegExp][] = [
    [undefined, /^\/ must be an object/],
    [[], /^\/ must be an object/],
    ['x', /^\/ must be an object/],
    [{ id: '1' }, /^\/traceId must not be absent/],
    [{ traceId: '0000', id: '1' }, /^\/traceId must not be absent or zero/],
    [{ traceId: 'xyz', id: '1' }, /^\/traceId must consist of hex/],
    [{ traceId: 'a'.repeat(33), id: '1' }, /^\/traceId has 33 digits, 32 allowed/],
    [{ traceId: '1' }, /^\/id must not be absent/],
    [{ traceId: '1', id: 5 }, /^\/id must be a text/],
    [{ ...least, kind: 'INTERNAL' }, /^\/kind must be CLIENT/],
    [{ ...least, timestamp: -1 }, /^\/timestamp must be microseconds/],
    [{ ...least, duration: 'soon' }, /^\/duration must be microseconds/],
    [{ ...least, duration: 1e300 }, /^\/duration must be microseconds/],
    [{ ...least, name: 5 }, /^\/name must be a text/],
    [{ ...least, name: 'x'.repeat(2049) }, /^\/name has 2049 characters/],
    [{ ...least, tags: [] }, /^\/tags must be an object/],
    [{ ...least, tags: { a: {} } }, /^\/tags\/a must be a text/],
    [{ ...least, tags: { a: 'x'.repeat(65_537) } }, /^\/tags\/a has 65537/],
    [{ ...least, localEndpoint: 'here' }, /^\/localEndpoint must be an object/],
    [{ ...least, localEndpoint: { port: 70_000 } }, /^\/localEndpoint\/port must be a port/],
    [{ ...least, annotations: {} }, /^\/annotations must be an array/],
    [{ ...least, annotations: [{ value: 'x' }] }, /^\/annotations\/0\/timestamp must not be absent/],
    [{ ...least, annotations: [null] }, /^\/annotations\/0\/timestamp must not be absent/],
    [{ ...least, shared: 'yes' }, /^\/shared must be true or false/],
  ]
  for (const [given, reason] of refused)
    it(`${JSON.stringify(given)?.slice(0, 60)}: ${reason.source}`, () => {
      assert.match(reasonOf(given), reason)
    })
})

describe('the written span', () => {
  it('has no half surrogate pairs, in values and in keys', () => {
    const written = writeSpan({
      traceId: '0000000000000001',
      id: '0000000000000002',
      tags: { 'a\ud800': 'b\udc00', fine: '\ud83d\ude00 \\ud800' },
    })
    const tags = (JSON.parse(written) as Span).tags
    assert.deepEqual(tags, { 'a\ufffd': 'b\ufffd', fine: '\ud83d\ude00 \\ud800' })
    assert.ok(!/\\ud8/.test(written.replaceAll('\\\\', '')))
  })

  it('keeps a tag named __proto__', () => {
    const read = readSpan(JSON.parse('{"traceId":"1","id":"2","tags":{"__proto__":"x","n":1}}'))
    assert.ok(read.status === 'ok')
    assert.match(writeSpan(read.span), /"__proto__":"x"/)
  })

  it('is read back as the same span, whatever JSON was read first', () => {
    const field = fc.oneof(fc.jsonValue(), fc.stringMatching(/^[0-9a-fA-F]{1,33}$/), fc.nat())
    const anyJson = fc.record(
      {
        traceId: field,
        id: field,
        parentId: field,
        kind: field,
        name: field,
        timestamp: field,
        duration: field,
        localEndpoint: field,
        remoteEndpoint: field,
        annotations: field,
        tags: fc.oneof(field, fc.dictionary(fc.string(), fc.jsonValue())),
      },
      { requiredKeys: ['traceId', 'id'] },
    )
    fc.assert(
      fc.property(anyJson, value => {
        const read = readSpan(value)
        if (read.status === 'invalid') return assert.match(read.reason, /^\//)
        assert.ok(isSpan.Check(read.span), JSON.stringify(read.span))
        const again = readSpan(JSON.parse(writeSpan(read.span)))
        assert.ok(again.status === 'ok')
        assert.equal(writeSpan(again.span), writeSpan(read.span))
      }),
      { numRuns: 500 },
    )
  })
})

describe('normalTraceId', () => {
  it('gives one id to one trace, however it is padded', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[1-9a-f][0-9a-f]{0,31}$/), fc.nat(32), (hex, zeros) => {
        const padded = `${'0'.repeat(Math.min(zeros, 32 - hex.length))}${hex}`
        assert.equal(normalTraceId(padded), normalTraceId(hex))
        assert.match(normalTraceId(hex), /^([0-9a-f]{16}){1,2}$/)
      }),
    )
  })
})
