import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostTowards } from '../../../proxy/own-host.ts'

test('The host is the address of this machine on the way to a URL, whether somebody listens there or not.', async () => {
  assert.equal(await hostTowards('https://127.0.0.1:1'), '127.0.0.1')
  assert.match(await hostTowards('http://localhost'), /^(127\.0\.0\.1|::1)$/)
})

test('A host without an address is an error that names it.', async () => {
  await assert.rejects(hostTowards('http://nobody.invalid:8500'), /nobody\.invalid/)
})
