import assert from 'node:assert/strict'
import { test } from 'node:test'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { answering, dial, ok, origin } from '../support/proxy-sockets.ts'

test('a request goes to the endpoint and its answer comes back on a connection that stays', async t => {
  const app = await origin(answering(request => ok(request.split(' ')[1]!)))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('GET /a?x=1 HTTP/1.1\r\nHost: expense\r\n\r\n')
  await client.until('/a?x=1')
  client.send('GET /b HTTP/1.1\r\nHost: expense\r\n\r\n')
  await client.until('/b')

  assert.equal(client.ended, false)
  assert.equal(app.wires.length, 1, 'the upstream connection is used again')
  assert.deepEqual(
    proxy.outcomes.map(({ outcome }) => [outcome.status, outcome.flags, outcome.responseBytes]),
    [
      [200, '', 6],
      [200, '', 2],
    ],
  )
  assert.match(app.wires[0]!.received, /^GET \/a\?x=1 HTTP\/1\.1\r\nhost: expense\r\n/)
})

test('pipelined requests are answered in order, though the first answer is the slowest', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(
    'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nPOST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc',
  )
  const wire = await app.wire(0)
  await wire.until('GET /1')
  assert.equal(wire.received.includes('/2'), false)
  wire.send(ok('first'))
  await wire.until('GET /2')
  wire.send(ok('second'))
  await wire.until('abc')
  wire.send(ok('third'))

  const all = await client.until('third')
  assert.match(all, /first[\s\S]*second[\s\S]*third/)
})

test('hop-by-hop fields and those that Connection names stay behind, both ways; te: trailers passes', async t => {
  const app = await origin(
    answering(() => ok('x', 'Connection: x-mine, keep-alive\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nX-Yours: 2\r\n')),
  )
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: x-secret, te\r\nX-Secret: 1\r\nTE: trailers, deflate\r\nProxy-Connection: keep-alive\r\nKeep-Alive: 1\r\nX-Kept: 1\r\n\r\n',
  )
  const answer = await client.until('\r\n\r\nx')

  const request = app.wires[0]!.received
  assert.equal(/x-secret|proxy-connection|keep-alive/i.test(request), false, request)
  assert.match(request, /te: trailers\r\n/)
  assert.match(request, /connection: te\r\n/)
  assert.match(request, /x-kept: 1/)
  assert.equal(/x-mine|keep-alive/i.test(answer), false, answer)
  assert.match(answer, /x-yours: 2/)
})

for (const [title, head, method] of [
  ['HEAD', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n', 'HEAD'],
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n', 'GET'],
  ['304', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\n\r\n', 'GET'],
] as const) {
  test(`an answer to ${title} has no body and the connection goes on`, async t => {
    let n = 0
    const app = await origin(answering(() => (n++ === 0 ? head : ok('next'))))
    const proxy = await harness({ upstream: upstreamOf([app.address]) })
    t.after(() => Promise.all([proxy.close(), app.close()]))
    const client = await dial(proxy.listener.address)

    client.send(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)
    await client.until('\r\n\r\n')
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until('\r\n\r\nnext')

    assert.equal(app.wires.length, 1)
  })
}

test('Expect: 100-continue waits for the upstream to say so, and its 1xx answers pass', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
  const wire = await app.wire(0)
  await wire.until(/expect: 100-continue\r\n/)
  wire.send('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n')
  await client.until('103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n')
  client.send('hello')
  await wire.until('hello')
  wire.send(ok('done'))

  await client.until('done')
  client.send('GET /again HTTP/1.1\r\nHost: a\r\n\r\n')
  await wire.until('/again')
})

test('refused before 100 Continue, the connection is closed: nobody can tell whether a body follows', async t => {
  const app = await origin(wire => void wire.until('\r\n\r\n').then(() => wire.send(ok('no'))))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')

  assert.match(await client.closed(), /connection: close\r\n[\s\S]*no$/)
})

test('trailers pass both ways, without those that come too late to be true', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\nhost: evil\r\n\r\n',
  )
  const wire = await app.wire(0)
  await wire.until('0\r\nx-sum: 1\r\n\r\n')
  wire.send(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-end: 2\r\ncontent-length: 9\r\n\r\n',
  )

  await client.until('3\r\nabc\r\n0\r\nx-end: 2\r\n\r\n')
})

test('an HTTP/1.0 client gets a body without chunks, ended by the close, and no interim answers', async t => {
  const app = await origin(
    answering(
      () =>
        'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    ),
  )
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n')

  assert.match(await client.closed(), /^HTTP\/1\.1 200 OK\r\nconnection: close\r\n\r\nabc$/)
})

test('an HTTP/1.0 client that asks for it keeps its connection when the length is known', async t => {
  const app = await origin(answering(() => ok('abc')))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  await client.until(/connection: keep-alive\r\n\r\nabc/)
  client.send('GET / HTTP/1.0\r\n\r\n')

  assert.match(await client.closed(), /abc[\s\S]*connection: close[\s\S]*abc/)
})

test('Connection: close of the client and of the upstream are each obeyed on their own side', async t => {
  let n = 0
  const app = await origin(answering(() => (n++ === 0 ? ok('one', 'connection: close\r\n') : ok('two'))))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const first = await client.until('one')
  assert.equal(/connection: close/.test(first), false, 'the upstream closing is not the client closing')
  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')

  assert.match(await client.closed(), /connection: close\r\n\r\ntwo/)
  assert.equal(app.wires.length, 2)
})

test('a half-closed client still gets the answers to all it has asked', async t => {
  const app = await origin(answering(request => ok(request.split(' ')[1]!)))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n')
  client.socket.end()

  assert.match(await client.closed(), /\/1[\s\S]*\/2[\s\S]*connection: close[\s\S]*\/3$/)
  assert.deepEqual(
    proxy.outcomes.map(({ outcome }) => outcome.flags),
    ['', '', ''],
  )
})

test('an early answer reaches the client while its body is still coming; what follows of the body is dropped', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello')
  const wire = await app.wire(0)
  await wire.until('hello')
  wire.send('HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig')
  await client.until('big')
  await wire.closed()
  client.send('worldGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')

  const second = await app.wire(1)
  await second.until('GET /2')
  assert.equal(second.received.includes('world'), false)
})

test('an early answer to a body without end closes the connection, and the client can read it', async t => {
  const app = await origin(wire => void wire.until('\r\n\r\n').then(() => wire.send(ok('enough'))))
  const proxy = await harness({ upstream: upstreamOf([app.address]), listener: { limits: { discardBytesMax: 1000 } } })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n')
  await client.until('enough')
  client.send(Buffer.alloc(5000))

  await client.closed()
})

test('an answer that lasts until the close reaches an HTTP/1.1 client in chunks', async t => {
  const app = await origin(wire => {
    void wire.until('\r\n\r\n').then(() => {
      wire.send('HTTP/1.0 200 OK\r\n\r\nabc')
      wire.socket.end()
    })
  })
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')

  await client.until('transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
})

test('an absolute-form target says the host, whatever Host says', async t => {
  const app = await origin(answering(() => ok('x')))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('GET http://expense:8080/p?q HTTP/1.1\r\nHost: other\r\n\r\n')
  await client.until('\r\n\r\nx')

  assert.match(app.wires[0]!.received, /^GET \/p\?q HTTP\/1\.1\r\nhost: expense:8080\r\n/)
  assert.equal(proxy.outcomes[0]!.exchange.request.authority, 'expense:8080')
})

test('x-forwarded-for: appended inbound, started anew at a gateway for strangers', async t => {
  const app = await origin(answering(() => ok('x')))
  const inbound = await harness({ upstream: upstreamOf([app.address]), listener: { direction: 'inbound' } })
  const gateway = await harness({ upstream: upstreamOf([app.address]), listener: { direction: 'gateway' } })
  t.after(() => Promise.all([inbound.close(), gateway.close(), app.close()]))
  const request =
    'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Envoy-Upstream-Rq-Timeout-Ms: 1\r\n\r\n'

  const one = await dial(inbound.listener.address)
  one.send(request)
  await one.until('\r\n\r\nx')
  const two = await dial(gateway.listener.address)
  two.send(request)
  await two.until('\r\n\r\nx')

  assert.match(app.wires[0]!.received, /x-forwarded-for: 9\.9\.9\.9, 127\.0\.0\.1\r\nx-forwarded-proto: https/)
  assert.match(app.wires[1]!.received, /x-forwarded-proto: http\r\nx-forwarded-for: 127\.0\.0\.1\r\n/)
  assert.equal(/9\.9\.9\.9|x-envoy/.test(app.wires[1]!.received), false)
})
