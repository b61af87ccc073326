import assert from 'node:assert/strict'
import { test } from 'node:test'
import { program, settings } from '../../../proxy/config.ts'
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
