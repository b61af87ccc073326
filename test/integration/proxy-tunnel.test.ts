import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { dial, origin, type Wire } from '../support/proxy-sockets.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const upgradeRequest = `GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`

/** Answers the handshake as RFC 6455, 4.2.2 says, and echoes every byte after it. */
async function echoServer(wire: Wire): Promise<void> {
  const request = await wire.until('\r\n\r\n')
  const key = /sec-websocket-key: (.*)\r\n/.exec(request)![1]!
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  wire.socket.on('data', chunk => wire.socket.write(chunk))
  wire.socket.on('end', () => wire.socket.end())
  wire.send(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
}

test('a WebSocket handshake passes and its bytes flow both ways; one side ends, then the other', async t => {
  const app = await origin(wire => void echoServer(wire))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(upgradeRequest)
  const head = await client.until('\r\n\r\n')
  client.send(Buffer.from([0x81, 0x85, 1, 2, 3, 4, 0x69, 0x67, 0x6f, 0x68, 0x6e]))
  await client.until('\x81\x85\x01\x02\x03\x04igohn')
  assert.equal(proxy.listener.stats.tunnelsActive, 1)
  client.socket.end()
  await client.closed()

  assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/)
  assert.match(head, /connection: upgrade\r\n/)
  assert.match(head, /upgrade: websocket\r\n/)
  assert.match(head, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i)
  assert.equal(proxy.outcomes.length, 1)
  const { outcome } = proxy.outcomes[0]!
  assert.deepEqual([outcome.status, outcome.flags, outcome.requestBytes, outcome.responseBytes], [101, '', 11, 11])
  assert.equal(proxy.listener.stats.tunnelsActive, 0)
  assert.equal(proxy.sender.active, 0)
})

test('bytes sent right behind the upgrade request wait for the 101', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(`${upgradeRequest}early`)
  const wire = await app.wire(0)
  const before = await wire.until('\r\n\r\n')
  wire.send('HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello')

  await wire.until('early')
  await client.until('hello')
  assert.equal(before.includes('early'), false)
})

test('the upstream ending its side of a tunnel still hears the client out', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)
  client.send(upgradeRequest)
  const wire = await app.wire(0)
  await wire.until('\r\n\r\n')
  wire.send('HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nbye')
  wire.socket.end()

  await client.closed()
  client.send('last words')
  await wire.until('last words')
  assert.equal(proxy.outcomes.length, 0)
  client.socket.end()
  await wire.closed()

  assert.equal(proxy.outcomes[0]?.outcome.flags ?? 'not over', '')
})

test('an upgrade that is refused is an ordinary answer, and the connections go on', async t => {
  const app = await origin(wire => {
    wire.socket.on('data', () => wire.send('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno'))
  })
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(upgradeRequest)
  await client.until('no')
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until('no', 2)

  assert.equal(app.wires.length, 1)
})

test('a 101 that nobody asked for is a bad answer', async t => {
  const app = await origin(
    wire =>
      void wire.until('\r\n\r\n').then(() => wire.send('HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n')),
  )
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')

  assert.match(await client.until('}\n'), /^HTTP\/1\.1 502 [\s\S]*bad-upstream-response/)
})

test('an upgrade to h2c is not offered: within the tunnel requests would pass every rule', async t => {
  const app = await origin(wire => void wire.until('\r\n\r\n').then(() => wire.send('HTTP/1.1 204 x\r\n\r\n')))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
  )
  await client.until('204')

  assert.equal(/upgrade|http2-settings/i.test(app.wires[0]!.received), false)
})

test('CONNECT, where it is allowed, is a tunnel to an endpoint of the service', async t => {
  const app = await origin(wire => wire.socket.on('data', chunk => wire.socket.write(`<${chunk}>`)))
  const proxy = await harness({ upstream: upstreamOf([app.address]), listener: { allowConnect: true } })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send('CONNECT expense:80 HTTP/1.1\r\nHost: expense:80\r\n\r\n')
  await client.until('HTTP/1.1 200 Connection Established\r\n\r\n')
  client.send('ping')
  await client.until('<ping>')

  assert.equal(app.wires[0]!.received, 'ping')
})

test('a tunnel that breaks on one side is broken on the other', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)
  client.send(upgradeRequest)
  const wire = await app.wire(0)
  await wire.until('\r\n\r\n')
  wire.send('HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
  await client.until('101')

  wire.reset()
  await client.closed()

  assert.equal(proxy.outcomes[0]!.outcome.flags, 'UC')
  assert.equal(proxy.sender.clusters()[0]!.stats.cxActive, 0)
})
