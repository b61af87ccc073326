import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { spiffeIdOf } from '../../protocol/identity.ts'
import { parseAddress } from '../../runtime/address.ts'
import { type FakeControl, fakeControl } from '../support/fake-control.ts'
import { adminOf, listenerOf, meshProxy } from '../support/mesh-proxy.ts'
import { upstreamOf } from '../support/proxy-harness.ts'
import { answering, dial, type Origin, ok, origin } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'

const EXPENSE = spiffeIdOf({ trustDomain: 'demo.mesh', dc: 'dc1' }, 'expense')
const REPORT = spiffeIdOf({ trustDomain: 'demo.mesh', dc: 'dc1' }, 'report')

/** report's proxy calls expense's proxy, which stands before an application. */
async function pair(t: TestContext, control: FakeControl, app: Origin, mtls: 'strict' | 'permissive' = 'strict') {
  control.tell('expense', { listener: listenerOf('expense', mtls) })
  const expense = await meshProxy(
    ['--service', 'expense', '--app', app.address, '--control', control.url],
    control.token,
  )
  control.tell('report', {
    listener: listenerOf('report', 'strict'),
    'upstream/expense': upstreamOf([expense.addresses['inbound']!], { peerSpiffeId: EXPENSE }),
  })
  const report = await meshProxy(
    ['--service', 'report', '--app', '127.0.0.1:9', '--control', control.url],
    control.token,
  )
  t.after(() => Promise.all([report.close(), expense.close(), control.close(), app.close()]))
  for (const proxy of [expense, report])
    await until(
      'a ready proxy',
      () => adminOf(proxy, '/ready'),
      text => text.startsWith('LIVE') && text.includes('identity: ok'),
    )
  return { expense, report }
}

/** The proxy also looks every now and then whether the application takes connections: those say nothing. */
const heardBy = (app: Origin): string => app.wires.map(({ received }) => received).join('')

test('a request between two proxies goes by mTLS, and the application hears who asks', async t => {
  const control = await fakeControl()
  const app = await origin(answering(() => ok('hello')))
  const { report } = await pair(t, control, app)
  const client = await dial(parseAddress(report.addresses['outbound']!)!)

  client.send('GET /a HTTP/1.1\r\nHost: expense\r\nx-forwarded-client-cert: URI=spiffe://demo.mesh/feigned\r\n\r\n')
  await client.until('hello')

  const heard = heardBy(app)
  assert.match(heard, new RegExp(`x-forwarded-client-cert: By=${EXPENSE};Hash=[0-9a-f]{64};URI=${REPORT}\r\n`))
  assert.doesNotMatch(heard, /feigned/)
  assert.match(heard, /x-forwarded-proto: (http|https)\r\n/)
  client.socket.destroy()
})

test('a client in clear text gets a 400 that says what the port speaks, when the mode is strict', async t => {
  const control = await fakeControl()
  const app = await origin(answering(() => ok('hello')))
  const { expense } = await pair(t, control, app)
  const client = await dial(parseAddress(expense.addresses['inbound']!)!)

  client.send('GET /a HTTP/1.1\r\nHost: expense\r\n\r\n')

  assert.match(await client.closed(), /^HTTP\/1\.1 400 [\s\S]*mTLS of the mesh/)
  assert.equal(heardBy(app), '')
  client.socket.destroy()
})
