import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { afterEach, it } from 'node:test'
import type { Destination } from '../../../../collector/ship/destination.ts'
import { zipkinDestination } from '../../../../collector/ship/zipkin.ts'
import { listen } from '../../../../runtime/address.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

type Answer = (body: { id: string }[], request: IncomingMessage, response: ServerResponse) => void

async function destination(answer: Answer, path = ''): Promise<{ to: Destination; paths: string[] }> {
  const paths: string[] = []
  const server = createServer((request, response) => {
    paths.push(request.url ?? '')
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => answer(JSON.parse(Buffer.concat(chunks).toString()) as { id: string }[], request, response))
  })
  const { port } = await listen(server, { host: '127.0.0.1', port: 0 })
  const to = zipkinDestination('jaeger', `http://127.0.0.1:${port}${path}`)
  closing.push(
    () => to.close(),
    () => {
      server.closeAllConnections()
      server.close()
    },
  )
  return { to, paths }
}

const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_body, _request, response) =>
    void response.writeHead(code, headers).end('because')

function ship(to: Destination, ids: readonly string[]) {
  const payload = Buffer.from(ids.map(id => `${JSON.stringify({ id })}\n`).join(''))
  const at = { segment: 1, offset: 8 }
  const items = { span: ids.length, traffic: 1, decision: 0 }
  const records = [
    { kind: 'traffic' as const, count: 1, payload: Buffer.from('{"not":"a span"}\n') },
    { kind: 'span' as const, count: ids.length, payload },
  ]
  return to.ship({ from: at, end: at, records, items, full: false }, 'token', new AbortController().signal)
}

it('sends the spans of a batch as one JSON array, and nothing else of it', async () => {
  const got: unknown[] = []
  const { to, paths } = await destination((body, _request, response) => {
    got.push(body)
    response.writeHead(202).end()
  })
  assert.deepEqual(await ship(to, ['a', 'b']), { status: 'shipped', refused: [] })
  assert.deepEqual(got, [[{ id: 'a' }, { id: 'b' }]])
  assert.deepEqual(paths, ['/api/v2/spans'], 'a URL without a path means the Zipkin one')
})

it('a path that is given is kept', async () => {
  const { to, paths } = await destination(status(202), '/zipkin/spans')
  await ship(to, ['a'])
  assert.deepEqual(paths, ['/zipkin/spans'])
})

it('one span that the server refuses costs only itself', async () => {
  const taken: string[] = []
  const { to } = await destination((body, _request, response) => {
    const bad = body.some(({ id }) => id === 'bad')
    if (!bad) taken.push(...body.map(({ id }) => id))
    response.writeHead(bad ? 400 : 202).end('cannot read it')
  })
  const shipped = await ship(to, ['a', 'b', 'bad', 'c', 'd'])
  assert.ok(shipped.status === 'shipped')
  assert.deepEqual(taken, ['a', 'b', 'c', 'd'])
  assert.deepEqual(
    shipped.refused.map(({ line }) => line),
    ['{"id":"bad"}'],
  )
  assert.match(shipped.refused[0]!.reason, /answered 400: cannot read it/)
})

for (const code of [401, 403, 404, 429, 500, 502, 503, 504])
  it(`an answer of ${code} is no fault of the spans: they are sent again`, async () => {
    const { to } = await destination(status(code))
    const shipped = await ship(to, ['a'])
    assert.ok(shipped.status === 'retry')
    assert.match(shipped.reason, new RegExp(`answered ${code}`))
  })

it('Retry-After is handed on', async () => {
  const { to } = await destination(status(429, { 'retry-after': '3' }))
  const shipped = await ship(to, ['a'])
  assert.equal(shipped.status === 'retry' && shipped.retryAfterMs, 3000)
})

it('a server that is not there is tried again, with its name in the reason', async () => {
  const { to } = await destination(status(202))
  // Its server goes, its destination stays.
  await closing.pop()!()
  const shipped = await ship(to, ['a'])
  assert.ok(shipped.status === 'retry')
  assert.match(shipped.reason, /^http:\/\/127\.0\.0\.1:\d+\/api\/v2\/spans: .*ECONNREFUSED/)
})
