import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { type Address, parseAddress } from '../../runtime/address.ts'
import { fakeControl } from '../support/fake-control.ts'
import { grpcApp, grpcClient } from '../support/grpc.ts'
import { EXPENSE, identified, meshPair, REPORT, type RunningProxy, statOf } from '../support/mesh-pair.ts'
import { listenerOf, meshProxy } from '../support/mesh-proxy.ts'
import { upstreamOf } from '../support/proxy-harness.ts'
import { answering, dial, ok, origin } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'

/** RFC 6455, 4.2.2. */
const acceptOf = (key: string) =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
const GET = 'GET /a HTTP/1.1\r\nHost: expense\r\n\r\n'

async function askMany(address: Address, count: number): Promise<string[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => dial(address)))
  for (const client of clients) client.send(GET)
  const said = await Promise.all(clients.map(client => client.until('hello')))
  for (const client of clients) client.socket.destroy()
  return said
}

test('between two proxies many requests share one mTLS connection of HTTP/2, each with its source', async t => {
  const control = await fakeControl()
  const app = await origin(answering(() => ok('hello')))
  const { report, outbound } = await meshPair(t, control, app)

  const said = await askMany(outbound, 30)

  assert.ok(said.every(answer => answer.startsWith('HTTP/1.1 200')))
  assert.equal(await statOf(report, 'envoy_cluster_upstream_cx_total', 'expense'), 1)
  assert.equal(await statOf(report, 'envoy_cluster_upstream_cx_http2_total', 'expense'), 1)
  assert.equal(await statOf(report, 'trimtab_tls_handshakes_total', 'client'), 1)
  const heard = app.wires.map(({ received }) => received).join('')
  assert.equal(heard.split(`;URI=${REPORT}`).length - 1, 30)
})

/** report's proxy before expense's, of which one is given further flags, as an older version would be. */
async function pairWith(
  t: TestContext,
  expenseFlags: string[],
  appAddress: string,
  protocol: 'http' | 'grpc' = 'http',
) {
  const control = await fakeControl()
  control.tell('expense', { listener: listenerOf('expense', 'strict', { protocol }) })
  const expense = await meshProxy(
    ['--service', 'expense', '--app', appAddress, '--control', control.url, ...expenseFlags],
    control.token,
  )
  control.tell('report', {
    listener: listenerOf('report', 'strict'),
    'upstream/expense': upstreamOf([expense.addresses['inbound']!], { peerSpiffeId: EXPENSE, protocol }),
  })
  const report = await meshProxy(
    ['--service', 'report', '--app', '127.0.0.1:9', '--control', control.url],
    control.token,
  )
  t.after(() => Promise.all([report.close(), expense.close(), control.close()]))
  for (const proxy of [expense, report]) await identified(proxy)
  return { expense, report, outbound: parseAddress(report.addresses['outbound']!)! }
}

const cx = (proxy: RunningProxy, wire: 1 | 2) => statOf(proxy, `envoy_cluster_upstream_cx_http${wire}_total`, 'expense')

test('a proxy that takes HTTP/1.1 alone is spoken to in HTTP/1.1, also by those who waited to learn that', async t => {
  const app = await origin(answering(() => ok('hello')))
  t.after(() => app.close())
  const { report, outbound } = await pairWith(t, ['--http1-only', 'inbound'], app.address)

  const said = [...(await askMany(outbound, 10)), ...(await askMany(outbound, 10))]

  assert.ok(said.every(answer => answer.startsWith('HTTP/1.1 200')))
  assert.equal(await cx(report, 2), 0)
  assert.ok((await cx(report, 1)) > 0)
})

test('a WebSocket goes through two proxies and their HTTP/2, and back', async t => {
  const app = await origin(wire => {
    // The proxy also looks now and then whether the application takes connections.
    const asked = wire.until('\r\n\r\n').catch(() => '')
    asked.then(request => {
      if (request === '') return
      const key = /sec-websocket-key: (\S+)/i.exec(request)?.[1]
      assert.equal(key === undefined, false)
      wire.send(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptOf(key!)}\r\n\r\n`,
      )
      wire.until('ping').then(() => wire.send('pong'))
    })
  })
  t.after(() => app.close())
  const { report, outbound } = await pairWith(t, [], app.address)
  const client = await dial(outbound)

  client.send(
    'GET /chat HTTP/1.1\r\nHost: expense\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  assert.match(
    await client.until('\r\n\r\n'),
    /^HTTP\/1\.1 101 [\s\S]*sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i,
  )
  client.send('ping')
  await client.until('pong')

  assert.equal(await cx(report, 2), 1)
  client.socket.destroy()
})

test('gRPC goes through two proxies to an application: unary calls and a stream, by HTTP/2 all the way', async t => {
  const app = await grpcApp()
  const { expense, report, outbound } = await pairWith(t, [], app.address, 'grpc')
  const client = grpcClient(outbound)
  t.after(() => {
    client.close()
    app.close()
  })

  const said = await client.say('hello', { deadlineMs: 5000 })
  const chat = client.chat()
  chat.write(Buffer.from('one'))
  const [echo] = await once(chat, 'data')
  chat.end()
  await once(chat, 'status')

  assert.deepEqual([said.code, said.reply, String(echo)], [0, 'hello', 'one'])
  assert.equal(await cx(report, 2), 1)
  assert.equal(await statOf(expense, 'envoy_cluster_upstream_cx_http2_total', 'app'), 1)
})

test('an endpoint that speaks HTTP/2 is known as such: only the first request waits for what TLS agrees on', async t => {
  const app = await origin(answering(() => ok('hello')))
  t.after(() => app.close())
  const { report, outbound } = await pairWith(t, [], app.address)

  await askMany(outbound, 1)
  await askMany(outbound, 20)

  await until(
    'one connection',
    () => statOf(report, 'envoy_cluster_upstream_cx_total', 'expense'),
    total => total === 1,
  )
})
