import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import { TraceFlags, trace } from '@opentelemetry/api'
import fc from 'fast-check'
import { isDeniedRoot, readContext, readSamplingState, writeContext } from '../../../../demo/app/propagation.ts'

const TRACE = '463ac35c9f6413ad48485a3953bb6124'
const SPAN = 'a2fb4a1d1a96d312'
const OTHER_TRACE = '0af7651916cd43dd8448eb211c80319c'
const multi = { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN }

const parentOf = (headers: IncomingHttpHeaders) => trace.getSpanContext(readContext(headers))
const sentOn = (headers: IncomingHttpHeaders) => {
  const written: Record<string, string> = {}
  writeContext(readContext(headers), written)
  return written
}

test('single B3, multi B3 and traceparent name the same parent', () => {
  for (const headers of [
    { b3: `${TRACE}-${SPAN}-1` },
    { ...multi, 'x-b3-sampled': '1' },
    { traceparent: `00-${TRACE}-${SPAN}-01` },
  ]) {
    const parent = parentOf(headers)
    assert.equal(parent?.traceId, TRACE)
    assert.equal(parent.spanId, SPAN)
    assert.equal(parent.traceFlags, TraceFlags.SAMPLED)
  }
})

test('B3 leads over a traceparent that disagrees', () => {
  assert.equal(parentOf({ b3: `${TRACE}-${SPAN}-1`, traceparent: `00-${OTHER_TRACE}-${SPAN}-01` })?.traceId, TRACE)
})

test('a malformed leader falls through to the next', () => {
  assert.equal(parentOf({ b3: 'nonsense', ...multi })?.traceId, TRACE)
  assert.equal(parentOf({ b3: 'nonsense', traceparent: `00-${TRACE}-${SPAN}-01` })?.traceId, TRACE)
  assert.equal(
    parentOf({ 'x-b3-traceid': 'x', 'x-b3-spanid': SPAN, traceparent: `00-${TRACE}-${SPAN}-01` })?.traceId,
    TRACE,
  )
})

test('an absent sampling state is a decision left to us, and we sample', () => {
  assert.equal(parentOf(multi)?.traceFlags, TraceFlags.SAMPLED)
  assert.equal(parentOf({ b3: `${TRACE}-${SPAN}` })?.traceFlags, TraceFlags.SAMPLED)
})

test('a denied trace stays denied, and its ids still go on', () => {
  for (const headers of [
    { ...multi, 'x-b3-sampled': '0' },
    { b3: `${TRACE}-${SPAN}-0` },
    { traceparent: `00-${TRACE}-${SPAN}-00` },
  ]) {
    const written = sentOn(headers)
    assert.equal(written['x-b3-traceid'], TRACE)
    assert.equal(written['x-b3-sampled'], '0')
    assert.equal(written['traceparent'], `00-${TRACE}-${SPAN}-00`)
  }
})

test('a denial without ids denies the trace that starts here', () => {
  assert.equal(isDeniedRoot(readContext({ b3: '0' })), true)
  assert.equal(isDeniedRoot(readContext({ 'x-b3-sampled': '0' })), true)
  assert.equal(isDeniedRoot(readContext({})), false)
  assert.equal(isDeniedRoot(readContext({ b3: '1' })), false)
})

test('debug goes on as x-b3-flags, and then no x-b3-sampled is sent', () => {
  for (const headers of [{ b3: `${TRACE}-${SPAN}-d` }, { ...multi, 'x-b3-flags': '1' }]) {
    const written = sentOn(headers)
    assert.equal(written['x-b3-flags'], '1')
    assert.equal(written['x-b3-sampled'], undefined)
  }
})

test('tracestate goes on with its own trace, and not with another', () => {
  const tracestate = 'vendor=value'
  assert.equal(sentOn({ ...multi, traceparent: `00-${TRACE}-${SPAN}-01`, tracestate })['tracestate'], tracestate)
  assert.equal(sentOn({ ...multi, traceparent: `00-${OTHER_TRACE}-${SPAN}-01`, tracestate })['tracestate'], undefined)
})

test('whatever the headers hold, reading does not throw and what is sent on is well formed', () => {
  const value = fc.option(fc.oneof(fc.string(), fc.constantFrom(TRACE, SPAN, '0', '1', 'd', `${TRACE}-${SPAN}-d`)), {
    nil: undefined,
  })
  const headers = fc.record({
    b3: value,
    'x-b3-traceid': value,
    'x-b3-spanid': value,
    'x-b3-sampled': value,
    'x-b3-flags': value,
    traceparent: value,
    tracestate: value,
  })
  fc.assert(
    fc.property(headers, headers => {
      const written = sentOn(headers as IncomingHttpHeaders)
      assert.match(written['traceparent'] ?? `00-${TRACE}-${SPAN}-01`, /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/i)
      assert.ok(written['x-b3-flags'] === undefined || written['x-b3-sampled'] === undefined)
      assert.ok(['deferred', 'denied', 'accepted', 'debug'].includes(readSamplingState(headers as IncomingHttpHeaders)))
    }),
  )
})
