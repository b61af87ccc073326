import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connect, createServer } from 'node:tls'
import { testAuthority } from '../support/certificates.ts'
import { localhostCertificate } from '../support/localhost-certificate.ts'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { answering, dial, ok, origin, wireOf } from '../support/proxy-sockets.ts'

const secure = localhostCertificate()
const skip = secure === undefined ? 'no openssl on this machine' : false

test('a listener takes TLS, and says https to the upstream', { skip }, async t => {
  const app = await origin(answering(() => ok('hello')))
  const judge = () => ({ status: 'ok' as const, source: '', sourceId: '', clientCertificate: '' })
  const taken = { mode: 'strict' as const, tls: secure, judge, plainRefusal: 'TLS alone is taken here' }
  const proxy = await harness({ upstream: upstreamOf([app.address]), listener: { security: () => taken } })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const socket = connect({
    port: proxy.listener.address.port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: secure!.cert,
  })
  await once(socket, 'secureConnect')
  const client = wireOf(socket)

  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until('hello')

  assert.match(app.wires[0]!.received, /x-forwarded-proto: https\r\n/)
})

test('an upstream with TLS is asked by TLS, its name checked against the authority given', { skip }, async t => {
  const server = createServer({ ...secure }, socket => answering(() => ok('hello'))(wireOf(socket)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const good = await harness({
    upstream: upstreamOf([address], { tls: { serverName: 'localhost', caPem: secure!.cert } }),
  })
  const bad = await harness({ upstream: upstreamOf([address], { tls: { serverName: 'other', caPem: secure!.cert } }) })
  t.after(() => Promise.all([good.close(), bad.close(), server.close()]))

  const one = await dial(good.listener.address)
  one.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await one.until('hello')
  const two = await dial(bad.listener.address)
  two.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')

  assert.match(await two.until('}\n'), /^HTTP\/1\.1 503 [\s\S]*connect-failure/)
})

test('an upstream with TLS that is named by its IP address must have that address in its certificate', async t => {
  const authority = await testAuthority('outside.example')
  const spiffeId = 'spiffe://outside.example/rates'
  const named = await authority.certify({ spiffeId, ips: ['127.0.0.1'] })
  const unnamed = await authority.certify({ spiffeId, dns: ['rates.example'] })
  const answers = await Promise.all(
    [named, unnamed].map(async ({ chain: cert, key }) => {
      const server = createServer({ cert, key }, socket => answering(() => ok('hello'))(wireOf(socket)))
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
      const proxy = await harness({ upstream: upstreamOf([address], { tls: { caPem: authority.root } }) })
      t.after(() => Promise.all([proxy.close(), server.close()]))
      const client = await dial(proxy.listener.address)
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      return client.until(/hello|\}\n/)
    }),
  )

  assert.match(answers[0]!, /^HTTP\/1\.1 200/)
  assert.match(answers[1]!, /^HTTP\/1\.1 503 [\s\S]*connect-failure/)
})
