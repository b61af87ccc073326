import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spanFits } from '../../../../collector/query/criteria.ts'
import { jaegerTrace } from '../../../../collector/query/jaeger-shape.ts'
import { linksOf } from '../../../../collector/query/links.ts'
import { askedTraceId, recentTraces } from '../../../../collector/query/recent.ts'
import { allTraces } from '../../../../collector/query/traces.ts'
import { linesOf } from '../../../../collector/ship/destination.ts'
import type { Span } from '../../../../protocol/span.ts'

const span = (traceId: string, id: string, extra: Partial<Span> = {}): Span => ({
  traceId: traceId.padStart(16, '0'),
  id: id.padStart(16, '0'),
  timestamp: 1000,
  duration: 10,
  name: 'get',
  localEndpoint: { serviceName: 'web' },
  ...extra,
})
const add = (recent: ReturnType<typeof recentTraces>, ...spans: Span[]) =>
  recent.add(
    spans,
    spans.map(one => JSON.stringify(one)),
  )
const open = { tags: new Map<string, string>(), fromUs: 0, toUs: 10_000, limit: 10 }

test('the oldest traces go first when there are too many, and the counts hold', () => {
  const recent = recentTraces({ tracesMax: 3, bytesMax: 1_000_000 })
  for (let index = 1; index <= 5; index++) add(recent, span(String(index), 'a'))
  assert.equal(recent.traces, 3)
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(index => recent.byId(String(index).padStart(16, '0')).length),
    [0, 0, 1, 1, 1],
  )
})

test('memory stays under its limit, and one giant trace does not push out the others', () => {
  const recent = recentTraces({ tracesMax: 1000, bytesMax: 100_000 })
  add(recent, span('1', 'a'))
  for (let index = 0; index < 1000; index++) add(recent, span('2', String(index), { tags: { note: 'x'.repeat(200) } }))
  assert.ok(recent.bytes <= 100_000)
  assert.equal(recent.byId('1'.padStart(16, '0')).length, 1)
})

test('half an id finds the whole trace, two traces with the same half are told apart by the whole', () => {
  const recent = recentTraces({ tracesMax: 10, bytesMax: 1_000_000 })
  const low = 'b'.repeat(16)
  add(recent, span(`1${'a'.repeat(15)}${low}`, '1'), span(`2${'a'.repeat(15)}${low}`, '2'))
  assert.equal(recent.byId(low).length, 2)
  assert.equal(recent.byId(`1${'a'.repeat(15)}${low}`).length, 1)
})

test('an asked id is normalised; what is no id is refused', () => {
  assert.equal(askedTraceId('1F'), '000000000000001f')
  assert.equal(askedTraceId(`${'0'.repeat(16)}${'a'.repeat(16)}`), 'a'.repeat(16))
  for (const bad of ['', 'xyz', '0', 'a'.repeat(33)]) assert.equal(askedTraceId(bad), undefined)
})

test('a search wants one span that fits everything asked', () => {
  const one = span('1', '1', {
    tags: { error: 'boom', 'http.method': 'GET' },
    annotations: [{ timestamp: 5, value: 'cache miss' }],
  })
  assert.ok(
    spanFits(one, {
      ...open,
      service: 'web',
      name: 'get',
      tags: new Map([
        ['error', ''],
        ['http.method', 'GET'],
        ['cache miss', ''],
      ]),
      minDurationUs: 10,
      maxDurationUs: 10,
    }),
  )
  for (const wrong of [
    { service: 'api' },
    { name: 'post' },
    { tags: new Map([['error', 'other']]) },
    { minDurationUs: 11 },
    { maxDurationUs: 9 },
    { toUs: 999 },
    { remoteService: 'db' },
  ])
    assert.ok(!spanFits(one, { ...open, ...wrong }), JSON.stringify(wrong))
})

test('without storage the window answers alone; a span that came twice stands once', async () => {
  const recent = recentTraces({ tracesMax: 10, bytesMax: 1_000_000 })
  add(
    recent,
    span('1', '1'),
    span('1', '1'),
    span('1', '2', { parentId: '1'.padStart(16, '0'), localEndpoint: { serviceName: 'api' } }),
  )
  const traces = allTraces(recent, undefined)
  assert.equal((await traces.byId('1'.padStart(16, '0'))).length, 2)
  assert.deepEqual(await traces.services(), ['api', 'web'])
  assert.equal((await traces.search({ ...open, service: 'api' })).length, 1)
  assert.deepEqual(await traces.links(0, 10_000), [{ parent: 'web', child: 'api', callCount: 1, errorCount: 0 }])
})

test('the halves of a shared span are a call from client to server', () => {
  const client = span('1', 'c', { kind: 'CLIENT' })
  const server = span('1', 'c', { kind: 'SERVER', shared: true, localEndpoint: { serviceName: 'api' } })
  assert.deepEqual(linksOf([[client, server]], 0, 10_000), [
    { parent: 'web', child: 'api', callCount: 1, errorCount: 0 },
  ])
  const shape = jaegerTrace([client, server])
  assert.equal(new Set(shape.spans.map(({ spanID }) => spanID)).size, 2, 'Jaeger knows no two spans of one id')
  assert.deepEqual(
    shape.spans[1]!.references.map(({ spanID }) => spanID),
    [client.id],
  )
})

test("Jaeger's words: microseconds, processes, typed tags, the error as a flag with its message", () => {
  const shape = jaegerTrace([
    span('1', '1', {
      kind: 'SERVER',
      tags: { error: 'boom', 'http.status_code': '500' },
      remoteEndpoint: { serviceName: 'db', port: 5432 },
    }),
  ])
  assert.equal(shape.processes[shape.spans[0]!.processID]!.serviceName, 'web')
  const tags = Object.fromEntries(shape.spans[0]!.tags.map(({ key, value }) => [key, value]))
  assert.deepEqual(tags, {
    'span.kind': 'server',
    error: true,
    'error.message': 'boom',
    'http.status_code': 500,
    'peer.service': 'db',
    'peer.port': 5432,
  })
  assert.equal(shape.spans[0]!.startTime, 1000)
})

test('lines of a payload come out as they went in', () =>
  assert.deepEqual(linesOf(Buffer.from('{"a":1}\n{"b":2}\n')), ['{"a":1}', '{"b":2}']))
