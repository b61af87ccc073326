import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { Retries, Upstream } from '../../protocol/snapshot.ts'
import { CANCEL, REFUSED_STREAM } from '../../proxy/http2/codes.ts'
import { type Call, http2Origin } from '../support/http2-origin.ts'
import { manualClock } from '../support/manual-clock.ts'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { answering, dial, ok, origin, type Wire } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'

const GET = 'GET /a?b=1 HTTP/1.1\r\nHost: shop\r\n\r\n'
const retries: Retries = {
  attempts: 1,
  on: ['refused-stream'],
  statusCodes: [],
  perTryTimeoutMs: 0,
  budget: 0.2,
  budgetPerSecond: 10,
  backoffBaseMs: 0,
  backoffMaxMs: 0,
}

const when = (holds: () => boolean) => until(String(holds), holds, Boolean, 5000)

function http2Upstream(addresses: string[], change: Partial<Upstream> = {}): Upstream {
  return upstreamOf(addresses, { protocol: 'http2', ...change })
}

const answerHello = (call: Call) => call.answer(200, ['content-type', 'text/plain'], 'hello')

test('a request of HTTP/1.1 arrives as one of HTTP/2, and its answer goes back', async t => {
  const app = await http2Origin({ onEnd: answerHello })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(
    'GET /a?b=1 HTTP/1.1\r\nHost: shop\r\nX-One: 1\r\nConnection: x-one, keep-alive\r\nTE: trailers, gzip\r\nCookie: a=1; b=2\r\nX-Two: 2\r\n\r\n',
  )
  const answer = await client.until('0\r\n\r\n')

  const { head } = app.calls[0]!
  assert.deepEqual(
    [head.method, head.scheme, head.authority, head.path, head.protocol],
    ['GET', 'http', 'shop', '/a?b=1', ''],
  )
  assert.deepEqual(head.fields, ['cookie', 'a=1; b=2', 'x-two', '2', 'te', 'trailers', 'x-forwarded-proto', 'http'])
  assert.match(
    answer,
    /^HTTP\/1\.1 200 OK\r\ncontent-type: text\/plain\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello/,
  )
})

test('many requests share one connection, and those who come while it is made wait for it', async t => {
  const held: Call[] = []
  const app = await http2Origin({ onEnd: call => held.push(call) })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const clients = await Promise.all(Array.from({ length: 20 }, () => dial(proxy.listener.address)))

  for (const client of clients) client.send(GET)
  await when(() => held.length === 20)
  for (const call of held) answerHello(call)
  await Promise.all(clients.map(client => client.until('hello')))

  const { stats } = proxy.sender.clusters()[0]!
  assert.equal(app.sessions.length, 1)
  assert.deepEqual(
    [stats.cxTotal, stats.cxHttp2Total, stats.rqTotal, stats.rqActive, stats.rqPending],
    [1, 1, 20, 0, 0],
  )
})

test('a body with its trailers, interim answers and trailers of the answer pass', async t => {
  const app = await http2Origin({
    onCall: call => call.session.codec.informational(call.stream, 103, ['link', '</x>']),
    onEnd: call => call.answer(200, [], call.body.toUpperCase(), ['x-sum', String(call.trailers)]),
  })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-end: yes\r\n\r\n')
  const answer = await client.until('x-sum')

  assert.match(answer, /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/x>\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
  assert.match(await client.until('\r\n\r\n', 3), /5\r\nHELLO\r\n0\r\nx-sum: x-end,yes\r\n\r\n$/)
})

test('HEAD, 204, 304 and empty answers have no body, and the connection of the client is kept', async t => {
  const app = await http2Origin({
    onEnd(call) {
      const { method, path } = call.head
      if (method === 'HEAD') call.answer(200, ['content-length', '10'])
      else if (path === '/empty') call.answer(200, ['content-length', '0'])
      else call.answer(Number(path.slice(1)), [])
    },
  })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(await client.until('\r\n\r\n'), /content-length: 10\r\n\r\n$/)
  client.clear()
  for (const path of ['/204', '/304', '/empty']) {
    client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.match(await client.until('\r\n\r\n'), /^HTTP\/1\.1 (204|304|200) [\s\S]*\r\n\r\n$/)
    client.clear()
  }
  client.send('GET /200 HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(await client.until('0\r\n\r\n'), /transfer-encoding: chunked\r\n\r\n0\r\n\r\n$/)
})

test('when the streams of a connection are taken a second one is opened, then requests wait, and past maxPending they are told UO', async t => {
  const held: Call[] = []
  const app = await http2Origin({ limits: { concurrentStreamsMax: 2 }, onEnd: call => held.push(call) })
  const limits = { maxConnections: 100, maxPending: 1, maxRequests: 100, maxRetries: 1 }
  const proxy = await harness({ upstream: http2Upstream([app.address], { limits }) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const clients: Wire[] = []
  const ask = async () => {
    const client = await dial(proxy.listener.address)
    clients.push(client)
    client.send(GET)
    return client
  }
  const { stats } = proxy.sender.clusters()[0]!

  for (let n = 1; n <= 4; n++) {
    await ask()
    await when(() => held.length === n)
  }
  await ask()
  await when(() => stats.rqPending === 1)
  const refused = await ask()
  assert.match(await refused.until('\r\n\r\n'), /^HTTP\/1\.1 503 /)
  assert.equal(proxy.outcomes[0]!.outcome.flags, 'UO')
  answerHello(held[0]!)
  await when(() => held.length === 5)
  for (const call of held.slice(1)) answerHello(call)
  await Promise.all(clients.slice(0, 5).map(client => client.until('hello')))

  assert.equal(app.sessions.length, 2)
  assert.deepEqual([stats.rqPending, stats.rqPendingOverflow, stats.cxTotal], [0, 1, 2])
})

test('a refused stream is sent again at once, whatever its method and with its body; the second time it takes a retry', async t => {
  let n = 0
  const app = await http2Origin({
    onEnd(call) {
      if (++n <= 2) call.reset(REFUSED_STREAM)
      else call.answer(200, [], call.body)
    },
  })
  const proxy = await harness({ upstream: http2Upstream([app.address], { retries }) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')
  await client.until('hello')

  const { stats } = proxy.sender.clusters()[0]!
  assert.deepEqual([n, stats.rqRefused, stats.rqRetry, proxy.outcomes[0]!.exchange.attempts], [3, 1, 1, 2])
})

test('a refused stream that is refused again without retries is answered 503, and nothing more is tried', async t => {
  const app = await http2Origin({ onEnd: call => call.reset(REFUSED_STREAM) })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(GET)

  assert.match(await client.until('\r\n\r\n'), /^HTTP\/1\.1 503 /)
  assert.equal(app.calls.length, 2)
  assert.match(
    proxy.outcomes[0]!.outcome.failure!.detail,
    /did nothing with it: it reset the stream with REFUSED_STREAM/,
  )
})

test('after GOAWAY the streams above its last are sent again on a new connection, the others finish', async t => {
  const first: Call[] = []
  const app = await http2Origin({
    onEnd(call) {
      if (call.session === app.sessions[0]) first.push(call)
      else call.answer(200, [], `again ${call.head.method}`)
    },
  })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const early = await dial(proxy.listener.address)
  const late = await dial(proxy.listener.address)
  early.send(GET)
  await when(() => first.length === 1)
  late.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')
  await when(() => first.length === 2)

  const goAway = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])
  app.sessions[0]!.socket.write(goAway)
  await late.until('again POST')
  first[0]!.answer(200, [], 'first')
  await early.until('first')

  assert.equal(app.sessions.length, 2)
  await when(() => proxy.sender.clusters()[0]!.stats.cxActive === 1)
})

test('a connection that is closed as it is used is replaced for what may be sent twice, and for nothing else', async t => {
  const app = await http2Origin({
    onEnd(call) {
      if (call.session.calls.length === 1) answerHello(call)
      else call.session.socket.destroy()
    },
  })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)
  const ask = async (request: string, end: string) => {
    client.clear()
    client.send(request)
    return client.until(end)
  }
  await ask(GET, 'hello')

  await ask(GET, 'hello')
  const said = await ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx', '\r\n\r\n')

  assert.match(said, /^HTTP\/1\.1 503 /)
  assert.deepEqual(
    app.sessions.map(({ calls }) => calls.map(({ head }) => head.method)),
    [
      ['GET', 'GET'],
      ['GET', 'POST'],
    ],
  )
})

test('a client that leaves costs its stream only', async t => {
  const app = await http2Origin({ onEnd: call => call.head.path === '/ok' && answerHello(call) })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const leaving = await dial(proxy.listener.address)
  const staying = await dial(proxy.listener.address)
  leaving.send(GET)
  await when(() => app.calls.length === 1)

  leaving.reset()
  await when(() => app.calls[0]!.broken !== undefined)
  staying.send('GET /ok HTTP/1.1\r\nHost: a\r\n\r\n')
  await staying.until('hello')

  assert.equal(app.calls[0]!.broken!.code, CANCEL)
  assert.equal(app.sessions.length, 1)
})

test('a deadline resets the stream, and the connection goes on', async t => {
  const app = await http2Origin({ onEnd: call => call.head.path === '/ok' && answerHello(call) })
  const proxy = await harness({ upstream: http2Upstream([app.address], { timeoutMs: 100 }) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(GET)
  assert.match(await client.until('\r\n\r\n'), /^HTTP\/1\.1 504 /)
  client.clear()
  client.send('GET /ok HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until('hello')

  assert.equal(app.calls[0]!.broken!.code, CANCEL)
  assert.equal(app.sessions.length, 1)
})

test('an answer that comes before the request is complete passes, and the rest of the request is not sent', async t => {
  const app = await http2Origin({ onCall: call => call.answer(413, [], 'too much') })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello')
  await client.until('too much')

  assert.equal(app.calls[0]!.ended, false)
  assert.equal(proxy.outcomes[0]!.outcome.status, 413)
})

test('readers that are slow are given no credit beyond what they took, and a hundred of them hold up nobody else', async t => {
  let sent = 0
  let stopped = 0
  const chunk = Buffer.alloc(16 * 1024, 'x')
  const app = await http2Origin({
    limits: { concurrentStreamsMax: 200, unsentBytesMax: 1024 * 1024 * 1024 },
    onEnd(call) {
      if (call.head.path === '/ok') {
        answerHello(call)
        return
      }
      call.head1(200, [])
      const more = () => {
        while (call.data(chunk)) sent += chunk.length
        stopped++
      }
      call.stream.user!.onWritable = more
      more()
    },
  })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const slow = await Promise.all(Array.from({ length: 100 }, () => dial(proxy.listener.address)))
  for (const { socket } of slow) socket.pause()
  for (const client of slow) client.send(GET)
  await when(() => stopped >= 100)
  let before = -1
  // Until nothing moves any more: kernel, proxy and windows are full.
  await until(
    'a standstill',
    () => sent,
    now => {
      const stands = now === before
      before = now
      return stands
    },
  )

  const quick = await dial(proxy.listener.address)
  quick.send('GET /ok HTTP/1.1\r\nHost: a\r\n\r\n')
  await quick.until('hello')

  // What the kernel and one window each hold, not a hundred bodies without end.
  assert.ok(sent < 100 * 8 * 1024 * 1024, `${sent} bytes were taken off answers that nobody reads`)
  assert.equal(app.sessions.length, 1)
  for (const { socket } of slow) socket.destroy()
})

/** More than kernel and proxy hold. */
const BODY_BYTES = 64 * 1024 * 1024

test('a server that takes nothing of a body stops the client, not the proxy', async t => {
  const app = await http2Origin({ credits: false })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)
  const piece = Buffer.alloc(16 * 1024, 'x')
  let taken = 0

  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`)
  const sendOn = () => {
    while (taken < BODY_BYTES && client.socket.write(piece)) taken += piece.length
  }
  client.socket.on('drain', sendOn)
  sendOn()
  // Until nothing moves any more: kernel, proxy and the server's window are full.
  let before = -1
  await until(
    'a standstill',
    () => taken,
    now => {
      const stands = now === before && app.calls[0]?.bytes === 65_536
      before = now
      return stands
    },
  )

  assert.ok(taken < BODY_BYTES, 'all of it was taken')
  assert.ok(proxy.sender.active === 1)
})

test('three hundred uploads that a server does not take wait for it, and it goes on answering others', async t => {
  const app = await http2Origin({
    limits: { concurrentStreamsMax: 1000, connectionWindowBytes: 64 * 1024 * 1024 },
    credits: false,
    onEnd: call => call.head.path === '/ok' && answerHello(call),
  })
  const limits = { maxConnections: 10, maxPending: 1000, maxRequests: 1000, maxRetries: 1 }
  const proxy = await harness({ upstream: http2Upstream([app.address], { limits }) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const clients = await Promise.all(Array.from({ length: 300 }, () => dial(proxy.listener.address)))
  for (const client of clients)
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(300_000)}`)
  await when(() => app.calls.length === 300 && app.calls.every(({ bytes }) => bytes === 65_536))

  const quick = await dial(proxy.listener.address)
  quick.send('GET /ok HTTP/1.1\r\nHost: a\r\n\r\n')
  await quick.until('hello')

  assert.deepEqual([app.sessions.length, proxy.sender.active], [1, 300])
  for (const { socket } of clients) socket.destroy()
})

test('a malformed answer is 502, and costs its stream only', async t => {
  const app = await http2Origin({
    onEnd(call) {
      if (call.head.path === '/ok') {
        answerHello(call)
        return
      }
      call.head1(200, ['content-length', '3'])
      call.data('longer than that')
      call.end()
    },
  })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const broken = await dial(proxy.listener.address)
  const client = await dial(proxy.listener.address)

  broken.send(GET)
  await broken.closed()
  client.send('GET /ok HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until('hello')

  assert.equal(proxy.outcomes[0]!.outcome.failure!.flag, 'UPE')
  assert.equal(app.sessions.length, 1)
})

test('a server that does not speak HTTP/2 is a connection that did not come about', async t => {
  const app = await origin(answering(() => ok('hello')))
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  app.wire(0).then(wire => wire.send('HTTP/1.1 400 Bad Request\r\n\r\n'))
  client.send(GET)

  assert.match(await client.until('\r\n\r\n'), /^HTTP\/1\.1 503 /)
  const { outcome } = proxy.outcomes[0]!
  assert.equal(outcome.flags, 'UF')
  assert.equal(proxy.sender.clusters()[0]!.stats.cxConnectFail, 1)
})

test('a dead connection is noticed by a PING that nobody answers, and the request tried elsewhere', async t => {
  const clock = manualClock()
  const app = await http2Origin({ onEnd: call => call.head.path === '/ok' && answerHello(call) })
  const proxy = await harness({ upstream: http2Upstream([app.address]), clock })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)
  client.send(GET)
  await when(() => app.calls.length === 1)

  // From here on nothing of it is read or answered, as behind a cable that was pulled.
  app.sessions[0]!.socket.pause()
  app.sessions[0]!.socket.removeAllListeners('data')
  for (let n = 0; n < 240; n++) clock.advance(50)
  await client.until('\r\n\r\n')

  assert.equal(proxy.outcomes[0]!.outcome.flags, 'UC')
  assert.match(proxy.outcomes[0]!.outcome.failure!.detail, /a PING was not answered for 5000 ms/)
  client.clear()
  client.send('GET /ok HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until('hello')
  assert.equal(app.sessions.length, 2)
})

test('a connection that carried nothing for idleTimeout is ended', async t => {
  const clock = manualClock()
  const app = await http2Origin({ onEnd: answerHello })
  const proxy = await harness({ upstream: http2Upstream([app.address], { idleTimeoutMs: 1000 }), clock })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)
  client.send(GET)
  await client.until('hello')

  for (let n = 0; n < 22; n++) clock.advance(50)

  await when(() => app.sessions[0]!.socket.destroyed)
  assert.equal(proxy.sender.clusters()[0]!.stats.cxActive, 0)
})

test('the answer to a WebSocket over extended CONNECT is a 101 that knows the key, and both directions flow', async t => {
  const app = await http2Origin({
    extendedConnect: true,
    onCall: call => call.head1(200, ['sec-websocket-protocol', 'chat']),
  })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(
    'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  const answer = await client.until('\r\n\r\n')
  assert.match(answer, /^HTTP\/1\.1 101 /)
  assert.match(answer, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i)
  const call = app.calls[0]!
  assert.deepEqual([call.head.method, call.head.protocol, call.head.path], ['CONNECT', 'websocket', '/chat'])
  assert.equal(call.head.fields.includes('sec-websocket-key'), false)
  client.clear()
  client.send('ping')
  await when(() => call.body === 'ping')
  call.data('pong')
  await client.until('pong')
  client.socket.end()
  await when(() => call.ended)
  call.end()
  await client.closed()
  assert.equal(proxy.sender.active, 0)
})

test('a WebSocket toward HTTP/2 without extended CONNECT is answered 502 with the reason', async t => {
  const app = await http2Origin({ onEnd: answerHello })
  const proxy = await harness({ upstream: http2Upstream([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n')

  assert.match(await client.until('\r\n\r\n'), /^HTTP\/1\.1 502 /)
  assert.match(proxy.outcomes[0]!.outcome.failure!.detail, /without extended CONNECT/)
})

test("node's own HTTP/2 server is served: large bodies both ways, unchanged", async t => {
  const server = createHttp2Server()
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200 })
    stream.pipe(stream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await harness({
    upstream: http2Upstream([`127.0.0.1:${(server.address() as AddressInfo).port}`]),
  })
  t.after(async () => {
    await proxy.close()
    server.close()
  })
  const body = Buffer.alloc(3_000_000)
  for (let i = 0; i < body.length; i++) body[i] = (i * 7919) & 0xff
  const { port } = proxy.listener.address

  const answers = await Promise.all(
    Array.from({ length: 4 }, () => fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body })),
  )

  for (const answer of answers) assert.ok(body.equals(Buffer.from(await answer.arrayBuffer())))
})
