import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawHttp2 } from '../support/http2-clients.ts'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { answering, ok, origin } from '../support/proxy-sockets.ts'
import * as wire from '../unit/proxy/http2/frames.ts'

const many = Array.from({ length: 120 }, (_, i) => [`x-${i}`, '1']).flat()
const pseudo = (path: string, authority: string) => [
  ...[':method', 'GET', ':scheme', 'http', ':path', path],
  ...(authority === '' ? [] : [':authority', authority]),
]
const connect = [':method', 'CONNECT', ':authority', 'a:1']
const extended = [':method', 'CONNECT', ':protocol', 'h3', ':scheme', 'http', ':path', '/', ':authority', 'a']

const refused: [title: string, status: string, request: Buffer][] = [
  ['more fields than HTTP/1.1 may have', '431', wire.get(1, ...many)],
  ['a long path', '414', wire.headers(1, pseudo(`/${'y'.repeat(9000)}`, 'a'))],
  ['no authority', '400', wire.headers(1, pseudo('/', ''))],
  ['CONNECT where it is not allowed', '501', wire.headers(1, connect, false)],
  ['an extended CONNECT for something else than WebSocket', '501', wire.headers(1, extended, false)],
]

for (const [title, status, request] of refused) {
  test(`${title}: answered ${status} with its reason, nothing forwarded, counted; the connection stays`, async t => {
    const app = await origin(answering(() => ok('x')))
    const proxy = await harness({ upstream: upstreamOf([app.address]) })
    t.after(() => Promise.all([proxy.close(), app.close()]))
    const client = await rawHttp2(t, proxy.listener.address)

    client.send(request)
    const head = await client.head(1)

    assert.deepEqual([head[':status'], head['x-trimtab-reason']], [status, 'bad-request'])
    assert.equal(proxy.begun, 0)
    assert.deepEqual(
      proxy.rejections.map(({ failure }) => String(failure.status)),
      [status],
    )
    assert.equal(proxy.listener.stats.rqRejected, 1)
    client.send(wire.get(3))
    assert.equal((await client.head(3))[':status'], '200')
  })
}

test('fields of more bytes than HTTP/1.1 may have, put together from the table: answered 431', async t => {
  const app = await origin(answering(() => ok('x')))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await rawHttp2(t, proxy.listener.address)
  const inserted = wire.literals(['x', 'y'.repeat(3000)], 0x40)

  // 0xbe: the newest entry of the table, twenty-five times 3,000 bytes.
  const block = Buffer.concat([wire.literals(wire.GET), inserted, Buffer.alloc(25, 0xbe)])
  client.send(wire.frame(wire.HEADERS, wire.END_HEADERS | wire.END_STREAM, 1, block))

  assert.equal((await client.head(1))[':status'], '431')
  assert.equal(proxy.listener.stats.http2.limits.headerListBytesMax, 1)
  client.send(wire.frame(wire.HEADERS, wire.END_HEADERS | wire.END_STREAM, 3, block.subarray(0, -25)))
  assert.equal((await client.head(3))[':status'], '200', 'the table is still the one that the client knows')
})

test('a message that is none is reset with PROTOCOL_ERROR and counted as a rejected request', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await rawHttp2(t, proxy.listener.address)

  client.send(
    wire.get(1, 'Upper', '1'),
    wire.get(3, 'connection', 'close'),
    wire.get(5, 'transfer-encoding', 'chunked'),
  )
  await client.frame('the last reset', ({ type, streamId }) => type === wire.RST_STREAM && streamId === 5)

  const codes = client.frames
    .filter(({ type }) => type === wire.RST_STREAM)
    .map(({ payload }) => payload.readUInt32BE(0))
  assert.deepEqual(codes, [1, 1, 1])
  assert.deepEqual([proxy.begun, proxy.listener.stats.rqRejected, proxy.listener.stats.http2.malformed], [0, 3, 3])
})

test('a body shorter than its content-length breaks the request, upstream too', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await rawHttp2(t, proxy.listener.address)

  client.send(wire.post(1, 'content-length', '10'), wire.data(1, 'short'))
  const carried = await app.wire(0)
  await carried.until('short')
  client.send(wire.data(1, '', true))
  await carried.closed()

  const reset = await client.frame('a reset', ({ type }) => type === wire.RST_STREAM)
  assert.equal(reset.payload.readUInt32BE(0), 1)
  assert.equal(proxy.outcomes[0]!.outcome.flags, 'DPE')
})

test('a gateway takes no field name with an underscore; inside the mesh it passes', async t => {
  const app = await origin(answering(() => ok('x')))
  const gateway = await harness({ upstream: upstreamOf([app.address]), listener: { direction: 'gateway' } })
  const inbound = await harness({ upstream: upstreamOf([app.address]), listener: { direction: 'inbound' } })
  t.after(() => Promise.all([gateway.close(), inbound.close(), app.close()]))
  const outside = await rawHttp2(t, gateway.listener.address)
  const inside = await rawHttp2(t, inbound.listener.address)

  outside.send(wire.get(1, 'x_user', 'me'))
  inside.send(wire.get(1, 'x_user', 'me'))

  assert.equal((await outside.head(1))[':status'], '400')
  assert.equal((await inside.head(1))[':status'], '200')
})

test('clear text where TLS alone is taken: each request hears why, and the connection ends', async t => {
  const app = await origin()
  const judge = () => ({ status: 'refused' as const, fault: 'no_certificate' as const, detail: '' })
  const taken = { mode: 'strict' as const, tls: undefined, judge, plainRefusal: 'TLS alone is taken here' }
  const proxy = await harness({ upstream: upstreamOf([app.address]), listener: { security: () => taken } })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await rawHttp2(t, proxy.listener.address)

  client.send(wire.get(1))
  const head = await client.head(1)
  const body = await client.frame('a body', ({ type }) => type === wire.DATA)
  await client.frame('a GOAWAY', ({ type }) => type === wire.GOAWAY)

  assert.equal(head[':status'], '400')
  assert.match(body.payload.toString(), /TLS alone is taken here/)
})
