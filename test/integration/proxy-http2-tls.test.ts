import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { ask, session } from '../support/http2-clients.ts'
import { localhostCertificate } from '../support/localhost-certificate.ts'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { answering, ok, origin, wireOf } from '../support/proxy-sockets.ts'

const secure = localhostCertificate()
const skip = secure === undefined ? 'no openssl on this machine' : false
const judge = () => ({
  status: 'ok' as const,
  source: 'report',
  sourceId: 'spiffe://m/report',
  clientCertificate: 'URI=x',
})
const security = () => ({ mode: 'strict' as const, tls: secure, judge, plainRefusal: 'TLS alone is taken here' })

test('over TLS the client chooses by ALPN: h2 where it knows it, else HTTP/1.1; who asks is known of each stream', {
  skip,
}, async t => {
  const app = await origin(answering(() => ok('hello')))
  const proxy = await harness({ upstream: upstreamOf([app.address]), listener: { direction: 'inbound', security } })
  t.after(() => Promise.all([proxy.close(), app.close()]))

  const client = await session(t, proxy.listener.address, { ca: secure!.cert, servername: 'localhost' }, 'https')
  const answer = await ask(client, { ':path': '/', ':authority': 'a' })
  const { host, port } = proxy.listener.address
  const old = connect({ host, port, ca: secure!.cert, servername: 'localhost', ALPNProtocols: ['http/1.1'] })
  await once(old, 'secureConnect')
  const wire = wireOf(old)
  wire.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await wire.until('hello')

  assert.deepEqual([client.alpnProtocol, old.alpnProtocol, answer.body], ['h2', 'http/1.1', 'hello'])
  assert.match(app.wires[0]!.received, /x-forwarded-proto: https\r\nx-forwarded-client-cert: URI=x\r\n/)
  assert.deepEqual(
    proxy.outcomes.map(({ exchange }) => [exchange.request.protocol, exchange.source, exchange.sourceId]),
    [
      ['HTTP/2', 'report', 'spiffe://m/report'],
      ['HTTP/1.1', 'report', 'spiffe://m/report'],
    ],
  )
  old.destroy()
})

test('where HTTP/2 is switched off, ALPN does not offer it', { skip }, async t => {
  const app = await origin(answering(() => ok('hello')))
  const proxy = await harness({ upstream: upstreamOf([app.address]), listener: { http2: false, security } })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const { host, port } = proxy.listener.address

  const both = connect({ host, port, ca: secure!.cert, servername: 'localhost', ALPNProtocols: ['h2', 'http/1.1'] })
  await once(both, 'secureConnect')

  assert.equal(both.alpnProtocol, 'http/1.1')
  both.destroy()
})
