import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { pinOf } from '../../control/identity/certificates.ts'
import type { TokenStatus } from '../../control/identity/token-routes.ts'
import type { TrustedRoots } from '../../protocol/credentials.ts'
import { readJoinToken } from '../../protocol/identity.ts'
import { askForCertificate } from '../support/certificates.ts'
import { until } from '../support/until.ts'
import { startControl } from './control-harness.ts'
import { ask, joined, order, registration, started, timeout } from './identity-harness.ts'

test('a proxy that knows nothing but its join token gets a certificate, and renews it with that', {
  timeout,
}, async t => {
  // arrange
  const { control, make } = await started(t)
  const { token } = await make({ kind: 'join', services: ['report'] })
  // act: the roots, told to everybody, are checked against the pin
  const { body: trusted } = await ask<TrustedRoots>(control, '/v1/identity/roots')
  const root = trusted.roots.find(pem => pinOf(pem) === readJoinToken(token)!.pin)
  assert.ok(root)
  // and control proves itself by that root
  const asked = await askForCertificate()
  const issued = await order(control, 'report', asked, { token, tls: { ca: root } })
  // assert
  assert.equal(issued.status, 200, JSON.stringify(issued.body))
  assert.equal(issued.body.spiffeId, 'spiffe://demo.mesh/ns/default/dc/dc1/svc/report')
  assert.equal(new X509Certificate(issued.body.chain).subjectAltName, `URI:${issued.body.spiffeId}`)
  // act: over the connection that this certificate opens
  const next = await askForCertificate('p384')
  const renewed = await order(control, 'report', next, { tls: { ca: root, cert: issued.body.chain, key: asked.key } })
  // assert
  assert.equal(renewed.status, 200, JSON.stringify(renewed.body))
  assert.notEqual(renewed.body.chain, issued.body.chain)
})

test('a certificate renews its own service only, and another mesh’s certificate nothing', { timeout }, async t => {
  const { control, make } = await started(t)
  const report = await joined(control, 'report', (await make({ kind: 'join', services: ['report'] })).token)
  const foreign = await order(control, 'expense', await askForCertificate(), { tls: report.tls })
  assert.equal(foreign.status, 403)
  assert.equal(foreign.body.error, 'foreign-certificate')
  const elsewhere = await started(t)
  const other = await joined(elsewhere.control, 'report', (await elsewhere.make({ kind: 'join' })).token)
  const stranger = await order(control, 'report', await askForCertificate(), {
    tls: { ...other.tls, ca: report.tls.ca },
  })
  assert.equal(stranger.status, 401)
  assert.equal(stranger.body.error, 'untrusted')
  const nothing = await order(control, 'report', await askForCertificate(), {})
  assert.equal(nothing.body.error, 'no-proof')
})

test('a certificate that ended while control was away is renewed, but opens nothing else, and a forged one neither', {
  timeout,
}, async t => {
  // arrange
  const { at, control, make } = await started(t, { certificateLifetime: 1000 })
  const report = await joined(control, 'report', (await make({ kind: 'join', services: ['report'] })).token)
  const elsewhere = await started(t, { certificateLifetime: 1000 })
  const foreign = await joined(elsewhere.control, 'report', (await elsewhere.make({ kind: 'join' })).token)
  await until(
    'both have ended',
    () => Date.now(),
    now => now > Math.max(Date.parse(report.notAfter), Date.parse(foreign.notAfter)),
  )
  await control.close()
  const again = await startControl(t, at, [], { doors: 'tokens' })
  // act and assert
  const stream = await ask(again, registration('report', 'report-1'), { tls: report.tls })
  assert.equal(stream.status, 401)
  assert.match(stream.body.message!, /expired at/)
  const forged = await order(again, 'report', await askForCertificate(), { tls: { ...foreign.tls, ca: report.tls.ca } })
  assert.equal(forged.status, 401)
  const renewed = await order(again, 'report', await askForCertificate(), { tls: report.tls })
  assert.equal(renewed.status, 200, JSON.stringify(renewed.body))
})

test('a one-time token gets one key a certificate, also when its answer was lost, and no second key', {
  timeout,
}, async t => {
  const { control, make } = await started(t)
  const { token } = await make({ kind: 'join', services: ['report'] })
  const asked = await askForCertificate()
  assert.equal((await order(control, 'report', asked, { token })).status, 200)
  assert.equal((await order(control, 'report', asked, { token })).status, 200)
  const stolen = await order(control, 'report', await askForCertificate(), { token })
  assert.equal(stolen.status, 401)
  assert.equal(stolen.body.error, 'used-token')
  assert.match(stolen.body.message!, /was good for once, and was used at/)
})

test('of two that come at once with a one-time token, one gets in', { timeout }, async t => {
  const { control, make } = await started(t)
  const { token } = await make({ kind: 'join' })
  const asked = await Promise.all([askForCertificate(), askForCertificate(), askForCertificate()])
  const answers = await Promise.all(asked.map(one => order(control, 'report', one, { token })))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401, 401])
})

test('foreign, expired, revoked, invented and a person’s tokens are refused, each with its reason', {
  timeout,
}, async t => {
  const { control, admin, make } = await started(t)
  const why = async (service: string, token: string) =>
    (await order(control, service, await askForCertificate(), { token })).body.error
  const expense = await make({ kind: 'join', services: ['expense'], reusable: true })
  assert.equal(await why('report', expense.token), 'foreign-token')
  const short = await make({ kind: 'join', expiresInMs: 1000, reusable: true })
  await until(
    'it expires',
    () => why('report', short.token),
    found => found === 'expired-token',
  )
  const { body } = await ask<TokenStatus>(control, `/v1/tokens/${expense.id}`, { method: 'DELETE', token: admin })
  assert.equal(body.id, expense.id)
  assert.equal(await why('expense', expense.token), 'unknown-token')
  assert.equal(await why('report', `${'x'.repeat(8)}.${'y'.repeat(43)}.${'z'.repeat(43)}`), 'unknown-token')
  assert.equal(await why('report', 'nonsense'), 'unknown-token')
  assert.equal(await why('report', admin), 'wrong-kind')
  assert.equal(
    (await ask(control, '/v1/tokens', { method: 'POST', token: admin, body: { kind: 'join', services: ['nobody'] } }))
      .status,
    404,
  )
})

test('bad requests for a certificate are refused with a reason, and control goes on', { timeout }, async t => {
  const { control, make } = await started(t)
  const { token } = await make({ kind: 'join', reusable: true })
  const good = await askForCertificate()
  const weak = await askForCertificate('rsa1024')
  for (const [csr, status, error] of [
    ['garbage', 400, 'csr-unreadable'],
    [weak.csr, 400, 'csr-weak-key'],
    ['x'.repeat(16 * 1024 + 1), 400, 'invalid-request'],
    ['x'.repeat(40_000), 413, 'body-too-large'],
  ] as const) {
    const answer = await order(control, 'report', { ...good, csr }, { token })
    assert.equal(answer.status, status)
    assert.equal(answer.body.error, error)
  }
  assert.equal((await order(control, 'nobody', good, { token })).body.error, 'unknown-service')
  const issued = await order(control, 'report', good, { token })
  assert.equal(issued.status, 200)
  assert.equal(new X509Certificate(issued.body.chain).ca, false)
})

test('who fails too often is not looked at any more, unless a certificate speaks for him', { timeout }, async t => {
  const { control, make, admin } = await started(t)
  const { token } = await make({ kind: 'join', services: ['report'] })
  const report = await joined(control, 'report', token)
  const wrong = `${'x'.repeat(8)}.${'y'.repeat(43)}`
  const statuses: number[] = []
  for (let time = 0; time < 25; time++) statuses.push((await ask(control, '/v1/status', { token: wrong })).status)
  assert.equal(statuses[0], 401)
  assert.equal(statuses.at(-1), 429)
  const right = await ask(control, '/v1/status', { token: admin })
  assert.equal(right.status, 429)
  assert.match(String(right.headers['retry-after']), /^[1-9]\d*$/)
  assert.equal((await order(control, 'report', await askForCertificate(), { tls: report.tls })).status, 200)
})
