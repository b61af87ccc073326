import assert from 'node:assert/strict'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { parseAddress } from '../../runtime/address.ts'
import { fakeControl } from '../support/fake-control.ts'
import { askOnce, EXPENSE, heardBy, meshPair, REPORT, statOf } from '../support/mesh-pair.ts'
import { answering, dial, ok, origin, wireOf } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'

const hello = () => origin(answering(() => ok('hello')))

test('a request between two proxies goes by mTLS, and the application hears who asks', async t => {
  const control = await fakeControl()
  const app = await hello()
  const { outbound } = await meshPair(t, control, app)
  const client = await dial(outbound)

  client.send('GET /a HTTP/1.1\r\nHost: expense\r\nx-forwarded-client-cert: URI=spiffe://demo.mesh/feigned\r\n\r\n')
  await client.until('hello')

  const heard = heardBy(app)
  assert.match(heard, new RegExp(`x-forwarded-client-cert: By=${EXPENSE};Hash=[0-9a-f]{64};URI=${REPORT}\r\n`))
  assert.doesNotMatch(heard, /feigned/)
  client.socket.destroy()
})

test('a client in clear text gets a 400 that says what the port speaks, when the mode is strict', async t => {
  const control = await fakeControl()
  const app = await hello()
  const { expense } = await meshPair(t, control, app)

  const said = await askOnce(parseAddress(expense.addresses['inbound']!)!)

  assert.match(said, /^HTTP\/1\.1 400 [\s\S]*mTLS of the mesh/)
  assert.equal(heardBy(app), '')
  assert.equal(await statOf(expense, 'trimtab_listener_plain_connections_refused_total', 'inbound'), 1)
})

test('in permissive mode both are taken, and requests in clear text are counted and come from nobody', async t => {
  const control = await fakeControl()
  const app = await hello()
  const { expense, outbound } = await meshPair(t, control, app, { mtls: 'permissive' })

  const plain = await askOnce(parseAddress(expense.addresses['inbound']!)!, 'expense', '/plain')
  const secured = await askOnce(outbound, 'expense', '/secured')

  assert.match(plain, /hello/)
  assert.match(secured, /hello/)
  const requests = heardBy(app).split('GET ').slice(1)
  assert.doesNotMatch(requests.find(request => request.startsWith('/plain'))!, /x-forwarded-client-cert/)
  assert.match(requests.find(request => request.startsWith('/secured'))!, /x-forwarded-client-cert: By=/)
  assert.equal(await statOf(expense, 'trimtab_listener_plain_requests_total', 'inbound'), 1)
  assert.equal(await statOf(expense, 'trimtab_listener_plain_connections_total', 'inbound'), 1)
})

test('a change of the mode holds for new connections at once and cuts none that stands', async t => {
  const control = await fakeControl()
  const app = await hello()
  const { expense, mode } = await meshPair(t, control, app, { mtls: 'permissive' })
  const inbound = parseAddress(expense.addresses['inbound']!)!
  const early = await dial(inbound)
  early.send('GET /a HTTP/1.1\r\nHost: expense\r\n\r\n')
  await early.until('hello')

  mode('strict')
  await until(
    'the new mode',
    () => askOnce(inbound),
    said => said.startsWith('HTTP/1.1 400'),
  )
  early.clear()
  early.send('GET /b HTTP/1.1\r\nHost: expense\r\n\r\n')

  assert.match(await early.until('hello'), /^HTTP\/1\.1 200/)
  mode('off')
  await until(
    'clear text alone',
    () => askOnce(inbound),
    said => said.includes('hello'),
  )
  early.socket.destroy()
})

test('a service with mtls off is asked in clear text, and from the moment that it is not, by TLS', async t => {
  const control = await fakeControl()
  const app = await hello()
  const { expense, outbound, mode, way } = await meshPair(t, control, app, { mtls: 'permissive' })
  const { peerSpiffeId: _, ...open } = { peerSpiffeId: EXPENSE }
  control.tell('report', {})
  mode('permissive')
  way({ ...open, peerSpiffeId: undefined as never })
  await until(
    'clear text',
    () => askOnce(outbound).then(() => statOf(expense, 'trimtab_listener_plain_requests_total', 'inbound')),
    n => n > 0,
  )
  const handshakes = await statOf(expense, 'envoy_listener_ssl_handshake', 'inbound')

  way({})
  await until(
    'TLS',
    () => askOnce(outbound).then(() => statOf(expense, 'envoy_listener_ssl_handshake', 'inbound')),
    n => n > handshakes,
  )
  const plainBefore = await statOf(expense, 'trimtab_listener_plain_requests_total', 'inbound')
  assert.match(await askOnce(outbound), /hello/)

  assert.equal(await statOf(expense, 'trimtab_listener_plain_requests_total', 'inbound'), plainBefore)
})

test('who sits between two proxies reads nothing of what they say', async t => {
  const control = await fakeControl()
  const app = await hello()
  const { expense, outbound, way } = await meshPair(t, control, app)
  const inbound = parseAddress(expense.addresses['inbound']!)!
  const seen: Buffer[] = []
  const sockets: Socket[] = []
  const relay = createServer(near => {
    const far = connectTcp(inbound.port, inbound.host)
    sockets.push(near, far)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('data', bytes => {
        seen.push(bytes)
        other.write(bytes)
      })
      one.on('end', () => other.end())
      one.on('error', () => other.destroy())
    }
  })
  await new Promise<void>(resolve => relay.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    relay.close()
  })

  way({}, `127.0.0.1:${(relay.address() as AddressInfo).port}`)
  await until(
    'traffic over the relay',
    () => askOnce(outbound, 'expense', '/secret-path'),
    () => seen.length > 0,
  )

  assert.match(heardBy(app), /secret-path/)
  const wire = Buffer.concat(seen).toString('latin1')
  for (const word of ['secret-path', 'hello', 'HTTP/1.1 200', 'x-forwarded', 'svc/report', 'svc/expense'])
    assert.equal(wire.includes(word), false, `the wire shows ${word}`)
})

test('a new connection to a known endpoint takes up the session of an earlier one', async t => {
  const control = await fakeControl()
  const app = await hello()
  const { report, expense, outbound } = await meshPair(t, control, app, { change: { idleTimeoutMs: 1 } })

  await until(
    'a resumed handshake',
    () =>
      askOnce(outbound).then(() => statOf(report, 'trimtab_tls_handshakes_total', 'side="client"', 'kind="resumed"')),
    n => n > 0,
  )

  assert.ok((await statOf(expense, 'envoy_listener_ssl_session_reused', 'inbound')) > 0)
  assert.match(heardBy(app).split('GET ').at(-1)!, new RegExp(`URI=${REPORT}`))
})

test('a client that closes its side behind its request still gets its answer', async t => {
  const control = await fakeControl()
  const app = await hello()
  const { expense } = await meshPair(t, control, app)
  const { chain: cert, key } = await control.authority.certify({ spiffeId: REPORT })
  const address = parseAddress(expense.addresses['inbound']!)!
  const socket = connectTls({
    ...address,
    cert,
    key,
    rejectUnauthorized: false,
    allowHalfOpen: true,
  } as ConnectionOptions)
  const client = wireOf(socket)

  socket.on('secureConnect', () => socket.end('GET /half HTTP/1.1\r\nHost: expense\r\n\r\n'))

  assert.match(await client.until('hello'), /^HTTP\/1\.1 200/)
  socket.destroy()
})
