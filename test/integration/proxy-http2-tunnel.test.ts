import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import { answerOf, rawHttp2, session } from '../support/http2-clients.ts'
import { manualClock } from '../support/manual-clock.ts'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { answering, ok, origin, type Wire } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'
import * as wire from '../unit/proxy/http2/frames.ts'

const WEBSOCKET = [
  ...[':method', 'CONNECT', ':protocol', 'websocket', ':scheme', 'http', ':path', '/ws', ':authority', 'a'],
  ...['sec-websocket-version', '13', 'sec-websocket-protocol', 'chat'],
]

/** Answers the handshake as RFC 6455, 4.2.2 says, and echoes every byte after it. */
async function echoServer(wire: Wire): Promise<void> {
  const request = await wire.until('\r\n\r\n')
  wire.socket.on('data', chunk => wire.socket.write(chunk))
  wire.socket.on('end', () => wire.socket.end())
  wire.send(switching(request))
}

function switching(request: string): string {
  const key = /sec-websocket-key: (.*)\r\n/.exec(request)![1]!
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n`
}

test('an extended CONNECT becomes a WebSocket handshake of HTTP/1.1, and its bytes flow both ways until both sides end', async t => {
  const app = await origin(wire => void echoServer(wire))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await session(t, proxy.listener.address)
  if (!client.remoteSettings.enableConnectProtocol) await once(client, 'remoteSettings')

  const stream = client.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': '/ws',
      ':scheme': 'http',
      ':authority': 'a',
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'chat',
    },
    { endStream: false },
  )
  const [head] = await once(stream, 'response')
  stream.write('hello')
  const [echo] = await once(stream, 'data')
  assert.equal(proxy.listener.stats.tunnelsActive, 1)
  stream.end()
  await once(stream, 'close')

  assert.deepEqual(
    [head[':status'], head['sec-websocket-protocol'], head['sec-websocket-accept'], String(echo)],
    [200, 'chat', undefined, 'hello'],
  )
  assert.match(app.wires[0]!.received, /^GET \/ws HTTP\/1\.1\r\n[\s\S]*connection: upgrade\r\nupgrade: websocket\r\n/i)
  const { outcome } = proxy.outcomes[0]!
  assert.deepEqual([outcome.status, outcome.flags, outcome.requestBytes, outcome.responseBytes], [101, '', 5, 5])
  assert.deepEqual([proxy.listener.stats.tunnelsActive, proxy.sender.active], [0, 0])
})

test('what a client sends ahead of the answer waits for the tunnel', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await rawHttp2(t, proxy.listener.address)

  client.send(wire.headers(1, WEBSOCKET, false), wire.data(1, 'early'), wire.data(1, '', true))
  const carried = await app.wire(0)
  const request = await carried.until('\r\n\r\n')
  carried.send(switching(request))
  await carried.until('early')
  await carried.closed()

  assert.equal(request.includes('early'), false)
  carried.send('last words')
  carried.socket.end()
  const data = await client.frame('the answer', ({ type }) => type === wire.DATA)
  assert.equal(data.payload.toString(), 'last words')
})

test('an application that does not switch is no tunnel: its refusal passes, a 200 or another key becomes 502', async t => {
  const app = await origin(
    answering((request, n) => {
      if (n === 0) return 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'
      return n === 1 ? ok('a page') : switching(request.replace(/(sec-websocket-key: )./, '$1_'))
    }),
  )
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await rawHttp2(t, proxy.listener.address)

  const heads: Record<string, string>[] = []
  for (const id of [1, 3, 5]) {
    client.send(wire.headers(id, WEBSOCKET, false))
    heads.push(await client.head(id))
  }

  assert.deepEqual(
    heads.map(head => head[':status']),
    ['403', '502', '502'],
  )
  assert.deepEqual(
    proxy.outcomes.map(({ outcome }) => [outcome.status, outcome.flags]),
    [
      [403, ''],
      [502, 'UPE'],
      [502, 'UPE'],
    ],
  )
  assert.deepEqual([proxy.listener.stats.tunnelsActive, proxy.listener.stats.http2StreamsActive], [0, 0])
})

test('a CONNECT where it is allowed is a tunnel to the endpoint', async t => {
  const app = await origin(({ socket }) => void socket.on('data', chunk => socket.write(chunk)))
  const proxy = await harness({ upstream: upstreamOf([app.address]), listener: { allowConnect: true } })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await session(t, proxy.listener.address)

  const stream = client.request({ ':method': 'CONNECT', ':authority': 'expense:1' }, { endStream: false })
  stream.write('ping')
  const [echo] = await once(stream, 'data')

  assert.equal(String(echo), 'ping')
  const answer = answerOf(stream)
  app.wires[0]!.socket.end()
  stream.end()
  assert.equal((await answer).reset, '')
  await until(
    'no tunnel',
    () => proxy.listener.stats.tunnelsActive,
    active => active === 0,
  )
})

test('a tunnel on which nothing is said is given up, and only that', async t => {
  const clock = manualClock()
  const app = await origin()
  const limits = { tunnelIdleTimeoutMs: 60_000, http2KeepaliveMs: 1e9 }
  const proxy = await harness({ clock, upstream: upstreamOf([app.address]), listener: { limits } })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await rawHttp2(t, proxy.listener.address)
  client.send(wire.headers(1, WEBSOCKET, false))
  const carried = await app.wire(0)
  carried.send(switching(await carried.until('\r\n\r\n')))
  await client.head(1)

  clock.advance(59_000)
  carried.send('alive')
  await client.frame('a word', ({ type }) => type === wire.DATA)
  clock.advance(59_000)
  assert.equal(
    client.frames.some(({ type }) => type === wire.RST_STREAM),
    false,
  )
  clock.advance(2000)

  await client.frame('a reset', ({ type }) => type === wire.RST_STREAM)
  await carried.closed()
  assert.equal(client.closed, false)
})
