import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { spiffeIdOf } from '../../protocol/identity.ts'
import { parseAddress } from '../../runtime/address.ts'
import { badCertificates, type Shown } from '../support/bad-certificates.ts'
import { fakeControl } from '../support/fake-control.ts'
import { adminOf, listenerOf, meshProxy } from '../support/mesh-proxy.ts'
import { upstreamOf } from '../support/proxy-harness.ts'
import { answering, dial, ok, origin, wireOf } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'

const EXPENSE = spiffeIdOf({ trustDomain: 'demo.mesh', dc: 'dc1' }, 'expense')
const REPORT = spiffeIdOf({ trustDomain: 'demo.mesh', dc: 'dc1' }, 'report')

/** What the counter of refused handshakes stands at, for a word. */
async function faults(proxy: Awaited<ReturnType<typeof meshProxy>>, side: string, fault: string): Promise<number> {
  const text = await adminOf(proxy, '/stats?filter=trimtab_tls_handshake_failures')
  const line = text.split('\n').find(found => found.includes(`reason="${fault}"`) && found.includes(`side="${side}"`))
  return Number(line?.split(': ').at(-1) ?? 0)
}

test('a client with a bad certificate is refused with its reason, and one with a good one is served', async t => {
  const control = await fakeControl()
  const app = await origin(answering(() => ok('hello')))
  control.tell('expense', { listener: listenerOf('expense', 'strict') })
  const proxy = await meshProxy(['--service', 'expense', '--app', app.address, '--control', control.url], control.token)
  t.after(() => Promise.all([proxy.close(), control.close(), app.close()]))
  await until(
    'a certificate',
    () => adminOf(proxy, '/ready'),
    text => text.startsWith('LIVE') && text.includes('identity: ok'),
  )
  const address = parseAddress(proxy.addresses['inbound']!)!
  const ask = (shown: Shown | undefined): Promise<string> => {
    const own = shown === undefined ? {} : { key: shown.key, cert: shown.chain }
    // Node would not even load a weak key of its own otherwise: a careless client is what is played here.
    const careless = { ciphers: 'DEFAULT@SECLEVEL=0', rejectUnauthorized: false }
    const socket = connect({ ...address, ...own, ...careless })
    const client = wireOf(socket)
    socket.on('secureConnect', () => client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'))
    return client.closed()
  }

  for (const [what, { fault, shown }] of Object.entries(await badCertificates(control.authority, REPORT)))
    await t.test(`${what} is refused: ${fault}`, async () => {
      const before = await faults(proxy, 'server', fault)
      assert.equal(await ask(await shown()), '')
      assert.equal(await faults(proxy, 'server', fault), before + 1)
    })
  await t.test('no certificate is refused: no_certificate', async () => {
    assert.equal(await ask(undefined), '')
    assert.equal(await faults(proxy, 'server', 'no_certificate'), 1)
  })
  assert.match(await ask(await control.authority.certify({ spiffeId: REPORT })), /hello/)
  assert.match(await ask(await control.authority.certify({ spiffeId: REPORT }, { kind: 'rsa2048' })), /hello/)
})

test('a server with a bad certificate is refused with its reason, and answers no request', async t => {
  const control = await fakeControl()
  let shown: Shown = await control.authority.certify({ spiffeId: EXPENSE })
  const asked: TLSSocket[] = []
  const server = createServer({ ciphers: 'DEFAULT@SECLEVEL=0', requestCert: true, rejectUnauthorized: false })
  server.on('secureConnection', socket => {
    asked.push(socket)
    answering(() => ok('hello'))(wireOf(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const at = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const upstream = upstreamOf([at], { peerSpiffeId: EXPENSE })
  control.tell('report', { listener: listenerOf('report', 'strict'), 'upstream/expense': upstream })
  const proxy = await meshProxy(
    ['--service', 'report', '--app', '127.0.0.1:9', '--control', control.url],
    control.token,
  )
  t.after(async () => {
    for (const socket of asked) socket.destroy()
    await Promise.all([proxy.close(), control.close(), new Promise(resolve => server.close(resolve))])
  })
  await until(
    'a certificate',
    () => adminOf(proxy, '/ready'),
    text => text.startsWith('LIVE') && text.includes('identity: ok'),
  )
  const answer = async (): Promise<string> => {
    const client = await dial(parseAddress(proxy.addresses['outbound']!)!)
    client.send('GET / HTTP/1.1\r\nHost: expense\r\nConnection: close\r\n\r\n')
    const said = await client.closed()
    client.socket.destroy()
    return said
  }
  const show = (next: Shown) => {
    shown = next
    server.setSecureContext({ key: shown.key, cert: shown.chain, ciphers: 'DEFAULT@SECLEVEL=0' })
    for (const socket of asked.splice(0)) socket.destroy()
  }
  const wrong = await control.authority.certify({ spiffeId: REPORT })
  const bad = {
    ...(await badCertificates(control.authority, EXPENSE)),
    "another service's": { fault: 'wrong_identity', shown: async () => wrong },
  }

  for (const [what, { fault, shown: make }] of Object.entries(bad))
    await t.test(`${what} is refused: ${fault}`, async () => {
      show(await make())
      const before = await faults(proxy, 'client', fault)
      assert.match(await answer(), /^HTTP\/1\.1 503 [\s\S]*"flag":"UF"/)
      assert.equal(await faults(proxy, 'client', fault), before + 1)
    })
  await t.test('the answer says who was expected and who answered', async () => {
    show(wrong)
    assert.match(await answer(), new RegExp(`expected ${EXPENSE}, but ${REPORT} answered`))
  })
  show(await control.authority.certify({ spiffeId: EXPENSE }))
  assert.match(await answer(), /hello/)
})

test('what speaks clear text where TLS is expected is told so', async t => {
  const control = await fakeControl()
  const app = await origin(answering(() => ok('hello')))
  const upstream = upstreamOf([app.address], { peerSpiffeId: EXPENSE })
  control.tell('report', { listener: listenerOf('report', 'strict'), 'upstream/expense': upstream })
  const proxy = await meshProxy(
    ['--service', 'report', '--app', '127.0.0.1:9', '--control', control.url],
    control.token,
  )
  t.after(() => Promise.all([proxy.close(), control.close(), app.close()]))
  await until(
    'a certificate',
    () => adminOf(proxy, '/ready'),
    text => text.startsWith('LIVE') && text.includes('identity: ok'),
  )
  const client = await dial(parseAddress(proxy.addresses['outbound']!)!)

  app.wires.length = 0
  client.send('GET / HTTP/1.1\r\nHost: expense\r\nConnection: close\r\n\r\n')
  const wire = await app.wire(0)
  wire.send('HTTP/1.1 400 Bad Request\r\n\r\n')

  assert.match(await client.closed(), /the far end does not speak TLS/)
  client.socket.destroy()
})
