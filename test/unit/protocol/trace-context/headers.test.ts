import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatB3Single, readB3Single } from '../../../../protocol/trace-context/b3.ts'
import type { Sampling, TraceContext } from '../../../../protocol/trace-context/context.ts'
import { pushTraceHeaders, takeTraceHeaders } from '../../../../protocol/trace-context/headers.ts'
import { formatTraceparent, readTraceparent } from '../../../../protocol/trace-context/w3c.ts'

const T = '80f198ee56343ba864fe8b2a57d3eff7'
const S = 'e457b5a2e4d86bd1'
const P = '05e3ac9a4f6e3b90'
const take = (...fields: string[]) => takeTraceHeaders(fields)
const context = (...fields: string[]) => take(...fields).context

const hex = (digits: number) =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter(text => !/^0+$/.test(text))
const contexts: fc.Arbitrary<TraceContext> = fc
  .tuple(
    fc.oneof(hex(16), hex(32)),
    hex(16),
    fc.oneof(fc.constant(''), hex(16)),
    fc.constantFrom<Sampling>('denied', 'accepted', 'debug'),
    fc.boolean(),
  )
  .map(([traceId, spanId, parentSpanId, sampling, randomTraceId]) => ({
    traceId,
    spanId,
    parentSpanId,
    sampling,
    // The flag tells of the whole 128 bits.
    randomTraceId: randomTraceId && traceId.length === 32,
  }))

test('b3 in all its lengths is read: ids only, with a decision, with a parent', () => {
  assert.deepEqual(context('b3', `${T}-${S}`), {
    traceId: T,
    spanId: S,
    parentSpanId: '',
    sampling: 'deferred',
    randomTraceId: false,
  })
  assert.deepEqual(context('b3', `${T}-${S}-1`), {
    traceId: T,
    spanId: S,
    parentSpanId: '',
    sampling: 'accepted',
    randomTraceId: false,
  })
  assert.deepEqual(context('b3', `${T}-${S}-d-${P}`), {
    traceId: T,
    spanId: S,
    parentSpanId: P,
    sampling: 'debug',
    randomTraceId: false,
  })
})

test('b3 of one letter is a decision without ids', () => {
  for (const [letter, sampling] of [
    ['0', 'denied'],
    ['1', 'accepted'],
    ['d', 'debug'],
  ] as const) {
    const taken = take('b3', letter)
    assert.equal(taken.context, undefined)
    assert.equal(taken.samplingOnly, sampling)
  }
})

test('x-b3-* is read: true and false count as 1 and 0, flags 1 means debug, an empty parent is absent', () => {
  const ids = ['x-b3-traceid', T, 'x-b3-spanid', S]
  assert.equal(context(...ids, 'x-b3-sampled', 'true')?.sampling, 'accepted')
  assert.equal(context(...ids, 'x-b3-sampled', 'false')?.sampling, 'denied')
  assert.equal(context(...ids, 'x-b3-flags', '1', 'x-b3-sampled', '0')?.sampling, 'debug')
  assert.equal(context(...ids)?.sampling, 'deferred')
  assert.equal(context(...ids, 'x-b3-parentspanid', '')?.parentSpanId, '')
})

test('ids keep their width toward B3 and become lower case', () => {
  assert.equal(context('b3', `${S.toUpperCase()}-${P}-1`)?.traceId, S)
  const fields: string[] = []
  pushTraceHeaders(
    fields,
    { traceId: S, spanId: P, parentSpanId: '', sampling: 'accepted', randomTraceId: false },
    { b3Single: false, tracestate: undefined },
  )
  assert.equal(fields[fields.indexOf('x-b3-traceid') + 1], S)
  assert.equal(fields[fields.indexOf('traceparent') + 1], `00-0000000000000000${S}-${P}-01`)
})

test('all-zero ids, wrong lengths and other letters are malformed', () => {
  for (const bad of [
    `${'0'.repeat(32)}-${S}-1`,
    `${T}-${'0'.repeat(16)}-1`,
    `${T.slice(1)}-${S}`,
    `${T}-${S}-x`,
    `${T}-${S}-1-${P}-9`,
    'g',
    '',
    `${T}-`,
    `${T}-${S}-1-`,
  ]) {
    const taken = take('b3', bad)
    assert.equal(taken.context, undefined, bad)
    assert.equal(taken.malformed, 1, bad)
  }
})

test('traceparent follows the W3C: ff is no version, 00 ends after its flags, a later version may go on, upper case is wrong', () => {
  assert.equal(context('traceparent', `00-${T}-${S}-01`)?.sampling, 'accepted')
  assert.equal(context('traceparent', `00-${T}-${S}-00`)?.sampling, 'denied')
  assert.equal(context('traceparent', `cc-${T}-${S}-01-what-the-future-brings`)?.traceId, T)
  for (const bad of [
    `ff-${T}-${S}-01`,
    `00-${T}-${S}-01-more`,
    `00-${T.toUpperCase()}-${S}-01`,
    `00-${T}-${S}`,
    `00-${'0'.repeat(32)}-${S}-01`,
    `00-${T}-${S}-0g`,
  ])
    assert.equal(take('traceparent', bad).malformed, 1, bad)
})

test('b3 leads, then x-b3-*, then traceparent; a malformed leader falls through and is counted', () => {
  const other = `00-${'a'.repeat(32)}-${S}-01`
  assert.equal(context('traceparent', other, 'b3', `${T}-${S}-1`)?.traceId, T)
  const fallen = take('b3', 'nonsense', 'x-b3-traceid', T, 'x-b3-spanid', S, 'traceparent', other)
  assert.equal(fallen.context?.traceId, T)
  assert.equal(fallen.malformed, 1)
})

test('formats that name different traces disagree; 64 and 128 bits of one trace do not', () => {
  assert.equal(take('b3', `${T}-${S}-1`, 'traceparent', `00-${'a'.repeat(32)}-${S}-01`).disagree, true)
  assert.equal(take('b3', `${T.slice(16)}-${S}-1`, 'traceparent', `00-${T}-${S}-01`).disagree, false)
})

test('a decision without ids holds for the ids of another format, in the order of reading', () => {
  assert.equal(context('b3', '0', 'traceparent', `00-${T}-${S}-01`)?.sampling, 'denied')
  assert.equal(context('b3', `${T}-${S}`, 'x-b3-sampled', '0', 'traceparent', `00-${T}-${S}-01`)?.sampling, 'denied')
  assert.equal(context('b3', `${T}-${S}-1`, 'x-b3-sampled', '0')?.sampling, 'accepted', 'what was decided stays')
})

test('a deferred context takes the decision of a later format for the same trace, and of no other trace', () => {
  assert.equal(context('b3', `${T}-${S}`, 'traceparent', `00-${T}-${S}-01`)?.sampling, 'accepted')
  assert.equal(context('b3', `${T}-${S}`, 'traceparent', `00-${'a'.repeat(32)}-${S}-01`)?.sampling, 'deferred')
})

test('a malformed x-b3-* falls through to traceparent: ids by halves, an unknown decision, a parent alone', () => {
  const parent = ['traceparent', `00-${P}${S}-${S}-01`] as const
  for (const bad of [
    ['x-b3-traceid', T],
    ['x-b3-spanid', S],
    ['x-b3-parentspanid', P],
    ['x-b3-traceid', T, 'x-b3-spanid', S, 'x-b3-sampled', 'maybe'],
    ['x-b3-traceid', T, 'x-b3-spanid', S, 'x-b3-parentspanid', 'x'],
  ]) {
    const taken = take(...bad, ...parent)
    assert.equal(taken.context?.traceId, `${P}${S}`, bad.join(' '))
    assert.equal(taken.malformed, 1, bad.join(' '))
  }
})

test('the order of reading can be set; a format that is not in it is not read, and not passed on either', () => {
  const fields = ['b3', `${T}-${S}-1`, 'traceparent', `00-${'a'.repeat(32)}-${P}-01`, 'tracestate', 'a=1']
  const w3cFirst = takeTraceHeaders(fields, ['w3c', 'b3', 'b3multi'])
  assert.equal(w3cFirst.context?.traceId, 'a'.repeat(32))
  assert.equal(w3cFirst.tracestate, 'a=1')
  const onlyW3c = takeTraceHeaders(['b3', `${T}-${S}-1`, 'x-b3-traceid', T], ['w3c'])
  assert.deepEqual([onlyW3c.context, onlyW3c.malformed, onlyW3c.rest], [undefined, 0, []])
})

test('single B3 is sent when it came, valid or not; multi B3 and traceparent always', () => {
  assert.equal(take('b3', 'broken').sawB3Single, true)
  assert.equal(take('x-b3-traceid', T).sawB3Single, false)
  const fields: string[] = []
  const written = { traceId: T, spanId: S, parentSpanId: P, sampling: 'denied', randomTraceId: false } as const
  pushTraceHeaders(fields, written, { b3Single: true, tracestate: 'a=1' })
  assert.deepEqual(Object.fromEntries(fields.flatMap((name, i) => (i % 2 ? [] : [[name, fields[i + 1]]]))), {
    'x-b3-traceid': T,
    'x-b3-spanid': S,
    'x-b3-parentspanid': P,
    'x-b3-sampled': '0',
    traceparent: `00-${T}-${S}-00`,
    b3: `${T}-${S}-0-${P}`,
    tracestate: 'a=1',
  })
})

test('of a repeated header the first valid value is used', () => {
  assert.equal(context('b3', 'broken', 'b3', `${T}-${S}-1`)?.traceId, T)
  assert.equal(context('x-b3-traceid', 'broken', 'x-b3-traceid', T, 'x-b3-spanid', S, 'x-b3-spanid', P)?.traceId, T)
})

test('no trace header is ever left in the other fields, however often it came', () => {
  const names = [
    'b3',
    'x-b3-traceid',
    'x-b3-spanid',
    'x-b3-parentspanid',
    'x-b3-sampled',
    'x-b3-flags',
    'traceparent',
    'tracestate',
  ]
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...names, 'host', 'accept', 'x-request-id'), fc.string()), { maxLength: 30 }),
      pairs => {
        const { rest } = takeTraceHeaders(pairs.flat())
        assert.deepEqual(rest, pairs.filter(([name]) => !names.includes(name)).flat())
      },
    ),
  )
})

test('tracestate goes on unchanged with a traceparent, within its limits, and not without', () => {
  const parent = ['traceparent', `00-${T}-${S}-01`]
  assert.equal(take(...parent, 'tracestate', 'a=1,b=2').tracestate, 'a=1,b=2')
  assert.equal(take(...parent, 'tracestate', 'a=1', 'tracestate', '', 'tracestate', 'b=2').tracestate, 'a=1,b=2')
  assert.equal(take(...parent, 'tracestate', '').tracestate, undefined)
  assert.equal(take(...parent, 'tracestate', Array(32).fill('a=1').join()).tracestate?.length, 127)
  assert.equal(take(...parent, 'tracestate', Array(33).fill('a=1').join()).tracestate, undefined)
  assert.equal(take('tracestate', 'a=1').tracestate, undefined)
  assert.equal(take('traceparent', `00-${T}-${S}-01`, 'tracestate', 'x'.repeat(513)).tracestate, undefined)
})

test('tracestate goes on only with the trace of the traceparent that it belongs to', () => {
  const state = ['tracestate', 'a=1'] as const
  assert.equal(take('b3', `${T}-${S}-1`, 'traceparent', `00-${T}-${P}-01`, ...state).tracestate, 'a=1')
  assert.equal(take('b3', `${T}-${S}-1`, 'traceparent', `00-${'a'.repeat(32)}-${P}-01`, ...state).tracestate, undefined)
  assert.equal(take('b3', `${T}-${S}-1`, 'traceparent', 'broken', ...state).tracestate, undefined)
  assert.equal(take('b3', `${T}-${S}-1`, ...state).tracestate, undefined)
})

test('of the flags of traceparent, sampled and random go on; the others, which mean nothing yet, become zero', () => {
  const sent = (flags: string) => formatTraceparent(context('traceparent', `00-${T}-${S}-${flags}`)!).slice(-2)
  assert.deepEqual(['00', '01', '02', '03', 'ff', 'fc'].map(sent), ['00', '01', '02', '03', '03', '00'])
})

test('the random flag holds for the trace id that another format names', () => {
  assert.equal(context('b3', `${T}-${S}-1`, 'traceparent', `00-${T}-${P}-03`)?.randomTraceId, true)
  assert.equal(context('b3', `${T.slice(16)}-${S}-1`, 'traceparent', `00-${T}-${P}-03`)?.randomTraceId, false)
  assert.equal(context('b3', `${T}-${S}-1`, 'traceparent', `00-${'a'.repeat(32)}-${P}-03`)?.randomTraceId, false)
})

test('debug sends the flag and no Sampled; a root has no parent header', () => {
  const fields: string[] = []
  pushTraceHeaders(
    fields,
    { traceId: T, spanId: S, parentSpanId: '', sampling: 'debug', randomTraceId: false },
    { b3Single: false, tracestate: undefined },
  )
  assert.ok(fields.includes('x-b3-flags'))
  assert.ok(!fields.includes('x-b3-sampled'))
  assert.ok(!fields.includes('x-b3-parentspanid'))
})

test('what is written is read back as the same context', () => {
  fc.assert(
    fc.property(contexts, written => {
      const single = readB3Single(formatB3Single(written))
      assert.deepEqual(single, { status: 'context', context: { ...written, randomTraceId: false } })
      const fields: string[] = []
      pushTraceHeaders(fields, written, { b3Single: false, tracestate: undefined })
      const multi = takeTraceHeaders(fields)
      assert.deepEqual(multi.context, written)
      assert.equal(multi.malformed, 0)
      assert.equal(multi.disagree, false)
      const w3c = readTraceparent(formatTraceparent(written))
      assert.ok(
        w3c.status === 'context' &&
          w3c.context.spanId === written.spanId &&
          w3c.context.traceId.endsWith(written.traceId),
      )
    }),
  )
})
