import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatAddress, parseAddress } from '../../../../demo/app/address.ts'

test('an address that is written is read back the same, IPv4, name or IPv6', () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('localhost', 'expense-v1'))
  fc.assert(
    fc.property(host, fc.integer({ min: 0, max: 65_535 }), (host, port) => {
      assert.deepEqual(parseAddress(formatAddress({ host, port })), { status: 'read', address: { host, port } })
    }),
  )
})

test('what is not HOST:PORT is refused with what is allowed', () => {
  for (const text of ['', ':80', 'localhost', '80', '::1:80', '[::1]', 'a:b', 'a:-1', 'a:123456', 'http://a:80']) {
    const reading = parseAddress(text)
    assert.equal(reading.status, 'refused', text)
    assert.match(reading.status === 'refused' ? reading.reason : '', /HOST:PORT/, text)
  }
})

test('a port above 65535 is refused by its number', () => {
  assert.deepEqual(parseAddress('a:65536'), { status: 'refused', reason: 'Port 65536 is above 65535.' })
})
