import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Downstream, Exchange, type Outcome } from '../../../../proxy/exchange.ts'
import { spanWriter } from '../../../../proxy/observe/span.ts'
import { SpanBatch } from '../../../../proxy/observe/span-batch.ts'

const identity = {
  service: 'report',
  serviceVersion: 'v2',
  instance: 'report-v2-1',
  address: '127.0.0.1:15001',
  sharedSpanContext: true,
}
const answered: Outcome = {
  status: 200,
  failure: undefined,
  flags: '',
  requestBytes: 0,
  responseBytes: 512,
  durationMs: 12.3456,
}

test('a span tells of its request what a reader of Zipkin or Jaeger looks for', () => {
  const exchange = exchangeTo('/api/expense/trip/1?secret=x')

  const [span] = written([exchange])

  assert.deepEqual(span, {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    id: 'b7ad6b7169203331',
    parentId: '00f067aa0ba902b7',
    timestamp: 1_700_000_000_123_000,
    duration: 12_346,
    kind: 'CLIENT',
    name: 'get expense',
    localEndpoint: { serviceName: 'report', ipv4: '127.0.0.1', port: 15_001 },
    remoteEndpoint: { serviceName: 'expense', ipv4: '127.0.0.1', port: 20_000 },
    tags: {
      'http.method': 'GET',
      'http.protocol': 'HTTP/2',
      component: 'proxy',
      node_id: 'report-v2-1',
      'service.version': 'v2',
      user_agent: 'curl/8',
      upstream_cluster: 'expense',
      'upstream.version': 'v1',
      upstream_address: '127.0.0.1:20000',
      weight: '50',
      'http.path': '/api/expense/trip/1',
      'http.status_code': '200',
      'guid:x-request-id': 'request-1',
      request_size: '0',
      response_size: '512',
    },
  })
})

test('whatever a request and its failure say, its span is JSON that says the same', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 })
  fc.assert(
    fc.property(
      fc.array(fc.record({ agent: text, id: text, detail: text, version: text }), { minLength: 1 }),
      drawn => {
        const exchanges = drawn.map(({ agent, id, version }) => {
          const exchange = exchangeTo('/')
          exchange.request.fields = ['user-agent', agent]
          exchange.requestId = id
          exchange.version = version
          return exchange
        })

        const spans = written(exchanges, index => ({
          ...answered,
          status: 0,
          flags: 'UF',
          failure: { flag: 'UF', status: 503, reason: 'connect failure', detail: drawn[index]!.detail },
        }))

        assert.equal(spans.length, drawn.length)
        for (const [index, { tags }] of spans.entries()) {
          const { agent, id, detail, version } = drawn[index]!
          assert.equal(tags['user_agent'], agent === '' ? undefined : agent)
          assert.equal(tags['guid:x-request-id'], id)
          assert.equal(tags['upstream.version'], version === '' ? undefined : version)
          assert.equal(tags['error'], `connect failure: ${detail}`)
          assert.equal(tags['http.status_code'], '0')
        }
      },
    ),
    { numRuns: 100 },
  )
})

test('an inbound span shares the id of its caller where the mesh says so, and only where there is a caller', () => {
  const child = exchangeTo('/', 'inbound')
  const root = exchangeTo('/', 'inbound')
  root.parentSpanId = ''

  const [ofChild, ofRoot] = written([child, root])

  assert.equal(ofChild?.['shared'], true)
  assert.equal(ofRoot?.['shared'], undefined)
})

type Span = Record<string, unknown> & { tags: Record<string, string> }

function written(exchanges: readonly Exchange[], outcomeOf: (index: number) => Outcome = () => answered): Span[] {
  const writer = spanWriter(identity)
  const batch = new SpanBatch()
  for (const [index, exchange] of exchanges.entries()) writer.write(exchange, outcomeOf(index), batch)
  return JSON.parse(batch.body().toString()) as Span[]
}

function exchangeTo(target: string, direction: 'outbound' | 'inbound' = 'outbound'): Exchange {
  const request = {
    method: 'GET',
    target,
    authority: 'expense',
    scheme: 'http' as const,
    fields: ['user-agent', 'curl/8'],
    protocol: 'HTTP/2' as const,
    contentLength: 0,
    hasBody: false,
    upgrade: '',
    expectContinue: false,
    acceptsTrailers: false,
  }
  const nobody = {} as Downstream
  const exchange = new Exchange(direction, request, nobody, 0, 1_700_000_000_123_000, '127.0.0.1:50000')
  return Object.assign(exchange, {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    parentSpanId: '00f067aa0ba902b7',
    requestId: 'request-1',
    service: 'expense',
    version: 'v1',
    weight: 50,
    endpointAddress: '127.0.0.1:20000',
  })
}
