import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AuthorityStatus } from '../../control/identity/identity-status.ts'
import { askForCertificate } from '../support/certificates.ts'
import { type Ask, ask, joined, order, registration, started, timeout } from './identity-harness.ts'

test('every route has a door, and each opens for those it is for', { timeout }, async t => {
  // arrange
  const { control, admin, make } = await started(t)
  const reader = (await make({ kind: 'read', name: 'grafana' })).token
  const join = (await make({ kind: 'join', services: ['report'], reusable: true })).token
  const { body: document } = await ask<{ paths: Record<string, Record<string, { 'x-trimtab-door': string }>> }>(
    control,
    '/openapi.json',
  )
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, found]) => ({
      path,
      method: method.toUpperCase(),
      door: found['x-trimtab-door'],
    })),
  )
  // assert: the whole table
  const behind = (door: string) =>
    routes
      .filter(route => route.door === door)
      .map(({ method, path }) => `${method} ${path}`)
      .sort()
  assert.deepEqual(behind('everybody'), [
    'GET /health',
    'GET /openapi.json',
    'GET /ready',
    'GET /v1/identity/roots',
    'POST /v1/identity/certificates',
  ])
  assert.deepEqual(behind('proxy'), ['DELETE /v1/instances/{instance}', 'GET /v1/snapshots'])
  assert.deepEqual(behind('reader'), [
    'GET /metrics',
    'GET /v1/config',
    'GET /v1/decisions',
    'GET /v1/decisions/stream',
    'GET /v1/identity',
    'GET /v1/live',
    'GET /v1/prometheus/targets',
    'GET /v1/proxies',
    'GET /v1/services',
    'GET /v1/services/{service}',
    'GET /v1/services/{service}/intentions',
    'GET /v1/status',
  ])
  assert.equal(
    routes.length,
    behind('everybody').length + behind('proxy').length + behind('reader').length + behind('admin').length,
  )
  // act and assert: what each proof opens
  for (const { path, method, door } of routes) {
    if (door === 'everybody') continue
    const at = path.replace(/\{\w+\}/g, 'x')
    const opens = async (token?: string) =>
      ![401, 403].includes((await ask(control, at, { method, token, stream: true })).status)
    assert.ok(await opens(admin), `admin: ${method} ${path}`)
    assert.equal(await opens(reader), door === 'reader', `reader: ${method} ${path}`)
    if (door !== 'proxy') assert.equal(await opens(join), false, `join token: ${method} ${path}`)
  }
})

test('a proxy opens its own stream and takes itself out, and nobody else’s', { timeout }, async t => {
  const { control, make, admin } = await started(t)
  const report = await joined(control, 'report', (await make({ kind: 'join', services: ['report'] })).token)
  const expense = (await make({ kind: 'join', services: ['expense'], reusable: true })).token
  const gateway = await joined(control, 'edge', (await make({ kind: 'join', services: ['edge'] })).token)
  const open = async (path: string, how: Ask) => (await ask(control, path, { ...how, stream: true })).status
  const byReport: Ask = { tls: report.tls }
  assert.equal(await open(registration('report', 'report-1'), byReport), 200)
  assert.equal(await open(registration('expense', 'expense-1'), { token: expense }), 200)
  assert.equal(await open(registration('edge', 'edge-1', 'gateway'), { tls: gateway.tls }), 200)
  // as another service, and in the place of another's instance
  assert.equal(await open(registration('expense', 'expense-2'), byReport), 403)
  assert.equal(await open(registration('report', 'expense-1'), byReport), 403)
  assert.equal(await open(registration('edge', 'edge-2', 'gateway'), byReport), 403)
  assert.equal(await open(registration('report', 'report-2'), {}), 401)
  const leave = async (instance: string, how: Ask) =>
    (await ask(control, `/v1/instances/${instance}`, { method: 'DELETE', ...how })).status
  assert.equal(await leave('expense-1', byReport), 403)
  assert.equal(await leave('report-1', byReport), 200)
  assert.equal(await leave('expense-1', { token: expense }), 200)
  // and who holds which certificate is known
  const { body } = await ask<AuthorityStatus>(control, '/v1/identity', { token: admin })
  assert.deepEqual(body.certificates.map(({ service, instance }) => [service, instance]).sort(), [
    ['edge', 'edge-1'],
    ['report', 'report-1'],
  ])
})

test('one-time tokens open no stream', { timeout }, async t => {
  const { control, make } = await started(t)
  const { token } = await make({ kind: 'join', services: ['report'] })
  const refused = await ask(control, registration('report', 'report-1'), { token })
  assert.equal(refused.status, 401)
  assert.match(refused.body.message!, /good for one certificate, and for nothing else/)
})

test('doors open to this machine ask for no token, but not by a foreign name, and a wrong token is still wrong', {
  timeout,
}, async t => {
  const { control } = await started(t, { doors: 'open-loopback' })
  assert.equal((await ask(control, '/v1/status')).status, 200)
  assert.equal((await ask(control, '/v1/status', { headers: { host: 'evil.example' } })).status, 401)
  assert.equal((await ask(control, '/v1/status', { token: 'wrong' })).status, 401)
})

test('every change is written down: who, what, from where, and what came of it; no secret is', { timeout }, async t => {
  const { control, admin, make } = await started(t)
  const { token, id } = await make({ kind: 'join', services: ['report'] })
  await ask(control, '/v1/services/expense/weights', {
    method: 'POST',
    token: admin,
    body: { who: 'ann', reason: 'test', weights: { v1: 7 } },
  })
  await ask(control, '/v1/services/expense/weights', { method: 'POST', token, body: {} })
  await order(control, 'report', await askForCertificate(), { token })
  await order(control, 'report', await askForCertificate(), { token })
  const { entries } = (await ask<{ entries: Record<string, string>[] }>(control, '/v1/audit', { token: admin })).body
  const told = entries.map(({ what, outcome }) => `${outcome} ${what}`).reverse()
  assert.deepEqual(told, [
    'done POST /v1/tokens',
    'done POST /v1/services/expense/weights',
    'refused POST /v1/services/expense/weights',
    'done POST /v1/identity/certificates',
    'refused POST /v1/identity/certificates',
  ])
  const [, first] = entries
  assert.match(first!['who']!, new RegExp(id))
  assert.equal(first!['from'], '127.0.0.1')
  assert.match(entries[3]!['detail']!, /"who":"ann"/)
  assert.match(entries[0]!['reason']!, /was good for once/)
  for (const secret of [token.split('.')[1]!, admin.split('.')[1]!])
    assert.ok(!JSON.stringify(entries).includes(secret))
})

test('garbage on the port, in either tongue, ends its own connection and nothing else', { timeout }, async t => {
  const { control, admin } = await started(t)
  const { hostname, port } = new URL(control.base)
  const send = (bytes: Buffer) =>
    new Promise<void>(resolve => {
      const socket = connect(Number(port), hostname, () => socket.end(bytes))
      socket.on('error', () => {})
      socket.on('close', () => resolve())
      socket.resume()
    })
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (bytes, asTls) => {
      await send(Buffer.from(asTls ? [22, 3, 1, ...bytes] : [...bytes]))
    }),
    { numRuns: 60 },
  )
  assert.equal((await ask(control, '/v1/status', { token: admin })).status, 200)
})
