import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatEffective } from '../../../../protocol/mesh-config/effective.ts'
import { readGood } from './support.ts'

const db = (text: string) => readGood(text).config.services.get('db')!
const mesh = (own: string, defaults = '') => `mesh: m
defaults: { ${defaults} }
services: { db: { protocol: tcp${own} } }
intentions: { default: allow }
`
const HOUR_MS = 3_600_000

test('a connection of a tcp service may be idle for an hour, unless the service or the defaults say otherwise', () => {
  assert.equal(db(mesh('')).idleTimeoutMs, HOUR_MS)
  assert.equal(db(mesh('', 'idleTimeout: 5m')).idleTimeoutMs, 300_000)
  assert.equal(db(mesh(', idleTimeout: 2h', 'idleTimeout: 5m')).idleTimeoutMs, 2 * HOUR_MS)
  assert.equal(db(mesh('').replace('protocol: tcp', 'protocol: http')).idleTimeoutMs, 60_000)
})

test('what defaults ask of requests is not meant for a tcp service', () => {
  const written =
    'slo: { availability: 99%, latency: { under: 1s, share: 99% } }, retries: { attempts: 5, on: [5xx] }, loadBalancing: { policy: random, stickiness: { header: x } }'

  const { slo, retries, balancing, stickiness } = db(mesh('', written))

  assert.deepEqual([slo?.availability, slo?.latency], [0.99, undefined])
  assert.deepEqual([retries.attempts, retries.on], [5, ['connect-failure']])
  assert.deepEqual([balancing, stickiness], ['random', undefined])
})

test('a tcp service written whole reads back as it is', () => {
  const { config } = readGood(
    mesh(', retries: off', 'loadBalancing: { stickiness: { cookie: c } }, slo: { latency: { under: 1s, share: 99% } }'),
  )

  assert.deepEqual(readGood(formatEffective(config)).config, config)
})
