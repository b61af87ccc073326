import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  Agent,
  createServer as createServer1,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as request1,
  type ServerResponse,
} from 'node:http'
import { createServer as createServer2, type IncomingHttpHeaders as Headers2 } from 'node:http2'
import type { Server, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Address, formatAddress, listen } from '../../runtime/address.ts'
import { answerOf, session } from '../support/http2-clients.ts'
import { harness, upstreamOf } from '../support/proxy-harness.ts'

/** What is to hold whatever wire a request comes in by, and whatever wire it goes on by. */

type Wire = 'HTTP/1.1' | 'HTTP/2'
const wires: Wire[] = ['HTTP/1.1', 'HTTP/2']

interface Answered {
  status: number
  headers: IncomingHttpHeaders | Headers2
  trailers: Record<string, unknown>
  body: string
}

type Ask = (method: string, path: string, headers?: Record<string, string>, body?: Buffer | string) => Promise<Answered>

/** An application that tells what it heard: in fields of the answer, in its body the body, and in a trailer the body's digest. */
async function echoing(t: TestContext, wire: Wire): Promise<string> {
  const listener = (request: IncomingMessage, answer: ServerResponse): void => {
    const hash = createHash('sha256')
    const heard = { 'x-method': request.method, 'x-path': request.url, 'x-cookie': request.headers.cookie ?? '' }
    const trailer = request.method === 'HEAD' ? {} : { trailer: 'x-digest' }
    answer.writeHead(request.url === '/teapot' ? 418 : 200, { ...heard, ...trailer, 'set-cookie': ['a=1', 'b=2'] })
    request.on('data', (piece: Buffer) => hash.update(piece))
    request.on('end', () => {
      if (request.method !== 'HEAD') answer.addTrailers({ 'x-digest': hash.digest('hex') })
      answer.end()
    })
    if (request.method !== 'HEAD') request.pipe(answer, { end: false })
  }
  const sockets = new Set<Socket>()
  const server: Server =
    wire === 'HTTP/1.1'
      ? createServer1(listener)
      : createServer2(listener as unknown as Parameters<typeof createServer2>[1])
  server.on('connection', socket => sockets.add(socket))
  const address = await listen(server, { host: '127.0.0.1', port: 0 })
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return formatAddress(address)
}

async function asking(t: TestContext, wire: Wire, address: Address): Promise<Ask> {
  if (wire === 'HTTP/2') {
    const client = await session(t, address)
    return async (method, path, headers = {}, body) => {
      const stream = client.request(
        { ':method': method, ':path': path, ':authority': 'expense', ...headers },
        { endStream: body === undefined },
      )
      const answer = answerOf(stream)
      if (body !== undefined) stream.end(body)
      const { status, headers: got, trailers = {}, body: text } = await answer
      return { status, headers: got, trailers, body: text }
    }
  }
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  return async (method, path, headers = {}, body) => {
    const { host, port } = address
    const sent = request1({ host, port, agent, method, path, headers: { host: 'expense', te: 'trailers', ...headers } })
    sent.end(body)
    const [answer] = await once(sent, 'response')
    let text = ''
    answer.setEncoding('latin1')
    for await (const piece of answer) text += piece
    return { status: answer.statusCode, headers: answer.headers, trailers: answer.trailers, body: text }
  }
}

for (const downstream of wires) {
  for (const upstream of wires) {
    test(`${downstream} in, ${upstream} out: methods, fields, cookies, bodies of any size and trailers pass`, async t => {
      const app = await echoing(t, upstream)
      const protocol = upstream === 'HTTP/2' ? 'http2' : 'http'
      const proxy = await harness({ upstream: upstreamOf([app], { protocol }) })
      t.after(() => proxy.close())
      const ask = await asking(t, downstream, proxy.listener.address)
      const digest = (body: string | Buffer) => createHash('sha256').update(body).digest('hex')

      const plain = await ask('GET', '/a/b?c=d', { cookie: 'x=1; y=2' })
      assert.deepEqual(
        [plain.status, plain.headers['x-method'], plain.headers['x-path'], plain.headers['x-cookie']],
        [200, 'GET', '/a/b?c=d', 'x=1; y=2'],
      )
      assert.deepEqual(plain.headers['set-cookie'], ['a=1', 'b=2'])
      assert.equal((await ask('GET', '/teapot')).status, 418)
      const head = await ask('HEAD', '/')
      assert.deepEqual([head.headers['x-method'], head.body], ['HEAD', ''])
      for (const bytes of [0, 1, 5000, 100_000, 3_000_000]) {
        const body = randomBytes(bytes)
        const known = bytes % 2 === 0 ? { 'content-length': String(bytes) } : undefined
        const answer = await ask('POST', '/', known, body)
        assert.equal(digest(Buffer.from(answer.body, 'latin1')), digest(body))
        assert.equal(answer.trailers['x-digest'], digest(body))
      }
      const many = await Promise.all(Array.from({ length: 20 }, (_, n) => ask('PUT', `/${n}`, {}, `body ${n}`)))
      assert.deepEqual(
        many.map(({ headers, body }) => [headers['x-path'], body]),
        Array.from({ length: 20 }, (_, n) => [`/${n}`, `body ${n}`]),
      )
      assert.equal(
        proxy.outcomes.every(({ outcome }) => outcome.flags === ''),
        true,
      )
      assert.equal(proxy.sender.active, 0)
    })
  }
}

test('a WebSocket passes two proxies that speak HTTP/2 with each other, between ends that speak HTTP/1.1', async t => {
  const app = createServer1()
  app.on('upgrade', (request, socket: Socket) => {
    const key = String(request.headers['sec-websocket-key'])
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.write(
      `HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    socket.pipe(socket)
  })
  const address = await listen(app, { host: '127.0.0.1', port: 0 })
  const inner = await harness({ upstream: upstreamOf([formatAddress(address)]) })
  const outer = await harness({ upstream: upstreamOf([formatAddress(inner.listener.address)], { protocol: 'http2' }) })
  t.after(() => Promise.all([outer.close(), inner.close(), new Promise(resolve => app.close(resolve))]))
  const { host, port } = outer.listener.address

  const sent = request1({
    host,
    port,
    path: '/ws',
    headers: {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
    },
  })
  sent.end()
  const [answer, socket] = (await once(sent, 'upgrade')) as [IncomingMessage, Socket]
  socket.write('over two hops')
  const [echo] = await once(socket, 'data')
  socket.end()
  await once(socket, 'close')

  assert.equal(answer.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  assert.equal(String(echo), 'over two hops')
  assert.equal(inner.outcomes[0]!.exchange.request.protocol, 'HTTP/2')
})
