import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { program, settings } from '../../../proxy/config.ts'
import { parseAddress } from '../../../runtime/address.ts'
import { readSettings } from '../../../runtime/settings.ts'

function targetOf(to: string) {
  const read = readSettings(program, settings, { argv: ['--to', to], env: {} })
  return read.status === 'ok' ? read.values.to : read.status
}

test('--to names a place, and before it what is spoken there', () => {
  assert.deepEqual(targetOf('127.0.0.1:8081'), { address: '127.0.0.1:8081', protocol: 'http', tls: false })
  assert.deepEqual(targetOf('http://app.internal'), { address: 'app.internal:80', protocol: 'http', tls: false })
  assert.deepEqual(targetOf('h2c://app.internal:9000/'), {
    address: 'app.internal:9000',
    protocol: 'http2',
    tls: false,
  })
  assert.deepEqual(targetOf('https://app.internal'), { address: 'app.internal:443', protocol: 'http2', tls: true })
})

test('--to without a port or a known scheme is refused', () => {
  for (const wrong of ['app', 'ftp://app:1', 'http://', 'https://app/path']) assert.equal(targetOf(wrong), 'invalid')
})

test('--to tcp:// wants a port, and takes any host that an address may have', () => {
  assert.deepEqual(targetOf('tcp://127.0.0.1:5432'), { address: '127.0.0.1:5432', protocol: 'tcp', tls: false })
  for (const wrong of ['tcp://db', 'tcp://db:', 'tcp://:5432', 'tcp://db:5432/path', 'tcp://db:65536', 'tcp:db:1'])
    assert.equal(targetOf(wrong), 'invalid', wrong)
})

test('whatever stands behind --to, it is an address with a port, or refused', () => {
  const host = fc.oneof(
    fc.domain(),
    fc.ipV4(),
    fc.ipV6().map(ip => `[${ip}]`),
    fc.string(),
  )
  const scheme = fc.constantFrom('', 'tcp://', 'http://', 'h2c://', 'https://')
  const port = fc.oneof(fc.nat(70_000).map(String), fc.constant(''), fc.string())
  fc.assert(
    fc.property(scheme, host, port, (before, name, behind) => {
      const target = targetOf(`${before}${name}:${behind}`)
      if (target === 'invalid' || target === undefined) return
      assert.ok(typeof target === 'object')
      const address = parseAddress(target.address)
      assert.ok(address !== undefined && address.port <= 65_535, target.address)
      assert.equal(target.protocol === 'tcp', before === 'tcp://')
    }),
  )
})
