import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { answerOf, ask, rawHttp2, session } from '../support/http2-clients.ts'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { answering, dial, ok, origin } from '../support/proxy-sockets.ts'
import * as wire from '../unit/proxy/http2/frames.ts'

const GET = (path: string, more = {}) => ({ ':path': path, ':authority': 'expense', ...more })
const POST = (path: string, more = {}) => ({ ':method': 'POST', ...GET(path, more) })

test('HTTP/2 by prior knowledge and HTTP/1.1 are taken on one port, and go on as the same request', async t => {
  const app = await origin(answering(request => ok(request.split(' ')[1]!)))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const two = await session(t, proxy.listener.address)
  const one = await dial(proxy.listener.address)

  const answer = await ask(two, GET('/a?x=1'))
  one.send('GET /b HTTP/1.1\r\nHost: expense\r\n\r\n')
  await one.until('/b')

  assert.deepEqual([answer.status, answer.body], [200, '/a?x=1'])
  assert.match(app.wires[0]!.received, /^GET \/a\?x=1 HTTP\/1\.1\r\nhost: expense\r\n/)
  assert.deepEqual(
    proxy.outcomes.map(({ exchange, outcome }) => [exchange.request.protocol, outcome.status]),
    [
      ['HTTP/2', 200],
      ['HTTP/1.1', 200],
    ],
  )
  assert.deepEqual([proxy.listener.stats.cxHttp2Total, proxy.listener.stats.rqActive], [1, 0])
  one.socket.destroy()
})

test('the preface is known though it comes byte by byte, and a request that begins like it is not held up', async t => {
  const app = await origin(answering(request => ok(request.split(' ')[0]!)))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const slow = await rawHttp2(t, proxy.listener.address, false)
  const like = await dial(proxy.listener.address)

  for (const byte of Buffer.concat([wire.clientHello, wire.get(1)])) slow.send(Buffer.from([byte]))
  like.send('PR')
  like.send('OPFIND /a HTTP/1.1\r\nHost: expense\r\n\r\n')

  assert.equal((await slow.head(1))[':status'], '200')
  await like.until('PROPFIND')
  like.socket.destroy()
})

test('a listener that takes no HTTP/2 answers the preface as the HTTP/1.1 request it is not', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]), listener: { http2: false } })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(wire.clientHello)

  assert.match(await client.closed(), /^HTTP\/1\.1 505 /)
})

test('Upgrade: h2c is ignored, as any protocol that is not known (RFC 9113 took it back)', async t => {
  const app = await origin(answering(() => ok('hello')))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
  )

  assert.match(await client.until('hello'), /^HTTP\/1\.1 200 /)
  assert.doesNotMatch(app.wires[0]!.received, /h2c|http2-settings/i)
  client.socket.destroy()
})

test('what belongs to one connection, or to a proxy, stays behind; cookies are one field; te: trailers passes', async t => {
  const app = await origin(
    answering(() =>
      ok('x', 'Connection: x-mine, keep-alive\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nDate: today\r\nX-Yours: 2\r\n'),
    ),
  )
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await rawHttp2(t, proxy.listener.address)

  client.send(
    wire.get(1, 'cookie', 'a=1', 'cookie', 'b=2', 'te', 'trailers', 'proxy-authorization', 'Basic x', 'x', '1'),
  )
  const head = await client.head(1)

  assert.deepEqual(head, { ':status': '200', date: 'today', 'x-yours': '2', 'content-length': '1' })
  const asked = app.wires[0]!.received
  assert.match(asked, /cookie: a=1; b=2\r\n/)
  assert.match(asked, /connection: te\r\n/)
  assert.match(asked, /te: trailers\r\n/)
  assert.doesNotMatch(asked, /proxy-auth|^:/im)
})

test('bodies and trailers pass both ways, with a length and without', async t => {
  const app = await origin(async wire => {
    await wire.until(/0\r\nx-end: yes\r\n\r\n/)
    wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n')
    await wire.until('\r\n\r\nhello')
    wire.send(ok('bye'))
  })
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await session(t, proxy.listener.address)

  const stream = client.request(POST('/up', { te: 'trailers' }), { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'yes' }))
  const answer = answerOf(stream)
  stream.end('body')
  const first = await answer
  const second = await ask(client, POST('/known', { 'content-length': '5' }), 'hello')

  assert.deepEqual([first.body, first.trailers?.['x-sum']], ['abc', '7'])
  assert.match(app.wires[0]!.received, /transfer-encoding: chunked\r\n[\s\S]*4\r\nbody\r\n0\r\nx-end: yes\r\n\r\n/)
  assert.deepEqual([second.body, second.headers['content-length']], ['bye', '3'])
})

test('informational answers pass, 100 Continue too; HEAD, 204 and 304 have no body', async t => {
  const app = await origin(
    answering(request => {
      if (request.startsWith('POST')) return undefined
      if (request.startsWith('HEAD')) return 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'
      if (request.includes('/204')) return 'HTTP/1.1 204 No Content\r\n\r\n'
      if (request.includes('/304')) return 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 9\r\n\r\n'
      return `HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n${ok('late')}`
    }),
  )
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await session(t, proxy.listener.address)

  const hints = await ask(client, GET('/'))
  const head = await ask(client, { ...GET('/head'), ':method': 'HEAD' })
  const bodiless = [await ask(client, GET('/204')), await ask(client, GET('/304'))]

  assert.deepEqual([hints.informational[0]?.[':status'], hints.informational[0]?.['link']], [103, '</a.css>'])
  assert.equal(hints.body, 'late')
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '1000', ''])
  assert.deepEqual(
    bodiless.map(({ status, body, reset }) => [status, body, reset]),
    [
      [204, '', ''],
      [304, '', ''],
    ],
  )

  const stream = client.request(POST('/c', { expect: '100-continue', 'content-length': '2' }))
  const answer = answerOf(stream)
  const wire = await app.wire(0)
  await wire.until('expect: 100-continue\r\n')
  wire.send('HTTP/1.1 100 Continue\r\n\r\n')
  await once(stream, 'continue')
  stream.end('ok')
  await wire.until('\r\n\r\nok')
  wire.send(ok('thanks'))
  assert.equal((await answer).body, 'thanks')
})

test('streams are answered in any order, each with its own answer', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await session(t, proxy.listener.address)

  const answers = ['/0', '/1', '/2'].map(path => ask(client, GET(path)))
  const wires = [await app.wire(0), await app.wire(1), await app.wire(2)]
  for (const wire of wires) await wire.until('\r\n\r\n')
  for (const wire of wires.toReversed()) wire.send(ok(wire.received.split(' ')[1]!))

  assert.deepEqual(
    (await Promise.all(answers)).map(({ body }) => body),
    ['/0', '/1', '/2'],
  )
})

test('an answer that is complete before its request tells the client to stop: END_STREAM, then RST_STREAM NO_ERROR', async t => {
  const app = await origin(wire => void wire.until('\r\n\r\n').then(() => wire.send(ok('enough'))))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await rawHttp2(t, proxy.listener.address)

  client.send(wire.post(1), wire.data(1, 'part'))
  const reset = await client.frame('a reset', ({ type }) => type === wire.RST_STREAM)

  assert.equal(reset.payload.readUInt32BE(0), 0)
  const data = client.frames.findLast(({ type }) => type === wire.DATA)!
  assert.deepEqual([data.payload.toString(), data.flags & wire.END_STREAM], ['enough', 1])
  assert.equal(proxy.outcomes[0]!.outcome.flags, '')
  client.send(wire.data(1, 'more', true), wire.get(3))
  await app.wire(1)
  assert.equal((await client.head(3))[':status'], '200')
})

test('a gateway believes no x-forwarded-* from outside; the peer is appended, and its own answer fields are added', async t => {
  const app = await origin(answering(() => ok('x')))
  const proxy = await harness({
    upstream: upstreamOf([app.address]),
    listener: { direction: 'gateway' },
    route(exchange) {
      exchange.answerFields = ['x-trimtab-trace-id', 'abc']
    },
  })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await session(t, proxy.listener.address)

  const answer = await ask(client, GET('/', { 'x-forwarded-for': '9.9.9.9', 'x-envoy-a': '1' }))

  assert.equal(answer.headers['x-trimtab-trace-id'], 'abc')
  assert.match(app.wires[0]!.received, /x-forwarded-for: 127\.0\.0\.1\r\n/)
  assert.doesNotMatch(app.wires[0]!.received, /9\.9\.9\.9|x-envoy/)
})
