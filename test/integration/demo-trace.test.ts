import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { DEMO_TRIP_ID } from '../../demo/wire/expense.ts'
import { callJson, startExpense, startReport } from '../unit/demo/support/services.ts'
import { type SinkSpan, startZipkinSink, type ZipkinSink } from '../unit/demo/support/zipkin-sink.ts'

const TRACE = '463ac35c9f6413ad48485a3953bb6124'
const SPAN = 'a2fb4a1d1a96d312'
const TRIP_PATH = `/api/report/trip/${DEMO_TRIP_ID}`

async function startDemo(t: TestContext) {
  const sink = await startZipkinSink(t)
  const expense = await startExpense(t, { zipkinUrl: sink.url })
  const report = await startReport(t, expense.url, { zipkinUrl: sink.url })
  const ask = (path: string, headers: Record<string, string>) =>
    fetch(report.url + path, { headers }).then(async response => ({
      status: response.status,
      body: await response.text(),
    }))
  return { sink, expense, report, ask }
}

/** The spans from report's server span down to the database, once all four have come. */
async function chainOf(sink: ZipkinSink, traceId: (spans: SinkSpan[]) => string | undefined): Promise<SinkSpan[]> {
  const all = await sink.until(spans => spans.filter(span => span.traceId === traceId(spans)).length === 4)
  const spans = all.filter(span => span.traceId === traceId(all))
  return ['report SERVER', 'report CLIENT', 'expense SERVER', 'expense CLIENT'].map(
    which =>
      spans.find(span => `${span.localEndpoint.serviceName} ${span.kind}` === which) ?? assert.fail(`no ${which}`),
  )
}

for (const [form, headers] of Object.entries({
  'single B3': { b3: `${TRACE}-${SPAN}-1` },
  'multi B3': { 'X-B3-TraceId': TRACE, 'X-B3-SpanId': SPAN, 'X-B3-Sampled': '1' },
  traceparent: { traceparent: `00-${TRACE}-${SPAN}-01` },
})) {
  test(`a trace that comes in as ${form} goes on, parent to child, from report's server span to the database`, async t => {
    const { sink, ask } = await startDemo(t)
    const { status, body } = await ask(TRIP_PATH, headers as Record<string, string>)
    assert.equal(status, 200)
    assert.equal(JSON.parse(body).numberOfExpenses, 4)
    const chain = await chainOf(sink, () => TRACE)
    assert.deepEqual(
      chain.map(span => span.parentId),
      [SPAN, ...chain.slice(0, 3).map(span => span.id)],
    )
    assert.deepEqual(
      chain.map(span => span.name),
      ['GET /api/report/trip/:id', 'GET /api/expense/trip/:tripId', 'GET /api/expense/trip/:tripId', 'SELECT expenses'],
    )
    assert.equal(chain[3]?.tags['peer.service'], 'expense-db')
    assert.equal(chain[2]?.tags['service.version'], 'v1')
    assert.ok(chain.every(span => span.tags['error'] === undefined))
    assert.ok(
      sink.uploads().every(upload => upload['b3'] === '0'),
      'the upload itself is not to be traced',
    )
  })
}

test('a request without a trace starts one, whose root has no parent', async t => {
  const { sink, ask } = await startDemo(t)
  await ask(TRIP_PATH, {})
  const [root] = await chainOf(sink, spans => spans[0]?.traceId)
  assert.match(root?.traceId ?? '', /^[0-9a-f]{32}$/)
  assert.equal(root?.parentId, undefined)
})

test('a trace that is not sampled leaves no span, in either service, and stays unsampled on its way', async t => {
  const { sink, ask } = await startDemo(t)
  for (const headers of [{ b3: `${TRACE}-${SPAN}-0` }, { b3: '0' }, { traceparent: `00-${TRACE}-${SPAN}-00` }]) {
    assert.equal((await ask(TRIP_PATH, headers as Record<string, string>)).status, 200)
  }
  // Spans leave in the order in which they ended: when this one's have come, the others would have come before.
  const last = 'f'.repeat(32)
  await ask(TRIP_PATH, { b3: `${last}-${SPAN}-1` })
  await chainOf(sink, () => last)
  assert.deepEqual([...new Set(sink.spans().map(span => span.traceId))], [last])
})

test('an injected fault marks the spans above it as errors, and report answers 502 with the reason', async t => {
  const { sink, ask, expense } = await startDemo(t)
  await callJson('POST', `${expense.url}/faults`, { errorRate: 1 })
  const { status, body } = await ask(TRIP_PATH, { b3: `${TRACE}-${SPAN}-1` })
  assert.equal(status, 502)
  assert.match(body, /expense answered 500.*injected/)
  const spans = await sink.until(spans => spans.length === 3)
  assert.deepEqual(spans.map(span => span.tags['error']).sort(), ['answered 500', 'answered 500', 'answered 502'])
  assert.equal(spans.filter(span => span.tags['fault.injected'] === 'true').length, 1)
  assert.ok(!spans.some(span => span.name.includes('/faults')), 'the switch itself is not traced')
})
