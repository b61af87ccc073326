import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../support/manual-clock.ts'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { dial, origin } from '../support/proxy-sockets.ts'

const malformed: [string, number, string][] = [
  ['no Host', 400, 'GET / HTTP/1.1\r\n\r\n'],
  ['two Hosts', 400, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ['a bare LF', 400, 'GET / HTTP/1.1\nHost: a\r\n\r\n'],
  ['line folding', 400, 'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n'],
  ['a space before the colon', 400, 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'],
  ['a NUL in a value', 400, 'GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n'],
  ['both lengths', 400, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc'],
  ['a signed length', 400, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc'],
  ['another coding', 400, 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
  ['too many fields', 431, `GET / HTTP/1.1\r\nHost: a\r\n${'x: 1\r\n'.repeat(101)}\r\n`],
  ['a head over 64 KiB', 431, `GET / HTTP/1.1\r\nHost: a\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`],
  ['a long target', 414, `GET /${'y'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
  ['another version', 505, 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'],
  ['CONNECT where it is not allowed', 501, 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'],
]

for (const [title, status, bytes] of malformed) {
  test(`${title}: answered ${status} with its reason, closed, nothing forwarded, counted`, async t => {
    const app = await origin()
    const proxy = await harness({ upstream: upstreamOf([app.address]) })
    t.after(() => Promise.all([proxy.close(), app.close()]))
    const client = await dial(proxy.listener.address)

    client.send(`${bytes}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`)
    const answer = await client.closed()

    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
    assert.match(answer, /x-trimtab-reason: bad-request\r\n/)
    assert.match(answer, /connection: close\r\n/)
    assert.equal(answer.split('HTTP/1.1 ').length, 2, 'one answer only')
    assert.equal(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))).status, status)
    assert.equal(proxy.begun, 0)
    assert.equal(app.wires.length, 0)
    assert.deepEqual(
      proxy.rejections.map(({ failure }) => failure.status),
      [status],
    )
    assert.equal(proxy.listener.stats.rqRejected, 1)
  })
}

test('a gateway takes no field name with an underscore; inside the mesh it passes', async t => {
  const app = await origin(wire => void wire.until('\r\n\r\n').then(() => wire.send('HTTP/1.1 204 x\r\n\r\n')))
  const gateway = await harness({ upstream: upstreamOf([app.address]), listener: { direction: 'gateway' } })
  const inbound = await harness({ upstream: upstreamOf([app.address]), listener: { direction: 'inbound' } })
  t.after(() => Promise.all([gateway.close(), inbound.close(), app.close()]))
  const request = 'GET / HTTP/1.1\r\nHost: a\r\nX_User: me\r\n\r\n'

  const outside = await dial(gateway.listener.address)
  outside.send(request)
  const inside = await dial(inbound.listener.address)
  inside.send(request)

  assert.match(await outside.closed(), /^HTTP\/1\.1 400 /)
  await inside.until('204')
})

test('a broken chunk is answered 400, the connection closed, the upstream connection not used again', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
  const wire = await app.wire(0)
  await wire.until('abc')
  client.send('zz\r\n')

  assert.match(await client.closed(), /^HTTP\/1\.1 400 [\s\S]*chunk/)
  await wire.closed()
  assert.equal(wire.received.includes('0\r\n\r\n'), false, 'the upstream never sees a whole request')
  assert.equal(proxy.outcomes[0]!.outcome.flags, 'DPE')
})

test('a head that trickles is answered 408; the clock runs from its first byte', async t => {
  const clock = manualClock()
  const proxy = await harness({ upstream: upstreamOf([]), clock, listener: { limits: { headTimeoutMs: 1000 } } })
  t.after(() => proxy.close())
  const client = await dial(proxy.listener.address)

  client.send('GET / HTTP/1.1\r\n')
  await served(proxy)
  clock.advance(900)
  client.send('X: 1\r\n')
  await served(proxy)
  clock.advance(300)

  assert.match(await client.closed(), /^HTTP\/1\.1 408 [\s\S]*x-trimtab-reason: request-timeout/)
  assert.equal(proxy.listener.stats.rqTimeout, 1)
})

test('a body that stops is answered 408 and the upstream let go', async t => {
  const clock = manualClock()
  const app = await origin()
  const proxy = await harness({
    upstream: upstreamOf([app.address]),
    clock,
    listener: { limits: { bodyTimeoutMs: 1000 } },
  })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc')
  const wire = await app.wire(0)
  await wire.until('abc')
  clock.advance(1200)

  assert.match(await client.closed(), /^HTTP\/1\.1 408 /)
  await wire.closed()
  assert.equal(proxy.outcomes[0]!.outcome.flags, 'DT')
})

test('an idle connection is closed without a word', async t => {
  const clock = manualClock()
  const proxy = await harness({ upstream: upstreamOf([]), clock, listener: { limits: { idleTimeoutMs: 5000 } } })
  t.after(() => proxy.close())
  const client = await dial(proxy.listener.address)
  await served(proxy)

  clock.advance(6000)

  assert.equal(await client.closed(), '')
  assert.equal(proxy.listener.stats.cxIdleTimeout, 1)
})

test('a proxy-made answer names route, upstream, attempts and trace; text for who asks for text', async t => {
  const proxy = await harness({
    upstream: upstreamOf([]),
    route: exchange => {
      exchange.route = 'all'
      exchange.traceId = 'abc123'
    },
  })
  t.after(() => proxy.close())
  const client = await dial(proxy.listener.address)

  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const json = await client.until('}\n')
  client.clear()
  client.send('GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html, text/plain\r\n\r\n')
  const text = await client.until('traceId')

  assert.match(json, /^HTTP\/1\.1 503 [\s\S]*x-trimtab-reason: no-healthy-upstream\r\n/)
  const body = JSON.parse(json.slice(json.indexOf('\r\n\r\n')))
  assert.deepEqual(
    [body.flag, body.reason, body.route, body.upstream, body.traceId],
    ['UH', 'no-healthy-upstream', 'all', 'expense', 'abc123'],
  )
  assert.match(text, /content-type: text\/plain/)
  assert.match(text, /upstream: expense\n/)
})

test('a gateway tells its users no address; the mesh is told all', async t => {
  const dead = await origin()
  await dead.close()
  const gateway = await harness({ upstream: upstreamOf([dead.address]), listener: { direction: 'gateway' } })
  const outbound = await harness({ upstream: upstreamOf([dead.address]) })
  t.after(() => Promise.all([gateway.close(), outbound.close()]))

  const outside = await dial(gateway.listener.address)
  outside.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const inside = await dial(outbound.listener.address)
  inside.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')

  assert.equal((await outside.until('}\n')).includes(dead.address), false)
  assert.equal((await inside.until('}\n')).includes(dead.address), true)
})

/** Everything that was sent before has been read by the proxy: a request of another connection has gone round. */
async function served(proxy: Awaited<ReturnType<typeof harness>>): Promise<void> {
  const probe = await dial(proxy.listener.address)
  probe.send('BAD\r\n\r\n')
  await probe.closed()
  proxy.listener.stats.rqRejected--
}
