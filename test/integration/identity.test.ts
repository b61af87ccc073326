import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { pino } from 'pino'
import { pinOf } from '../../control/identity/certificates.ts'
import type { AuthorityStatus } from '../../control/identity/identity-status.ts'
import type { TokenStatus } from '../../control/identity/token-routes.ts'
import type { IssuedCertificate, TrustedRoots } from '../../protocol/credentials.ts'
import { readJoinToken } from '../../protocol/identity.ts'
import { type Asked, askForCertificate } from '../support/certificates.ts'
import { until } from '../support/until.ts'
import { type Answer, type Place, place, type StartedControl, startControl } from './control-harness.ts'

const timeout = 60_000

interface Reply<T = Answer> {
  status: number
  headers: IncomingMessage['headers']
  body: T
}

interface Ask {
  method?: string
  token?: string | undefined
  body?: unknown
  /** Over TLS, with this certificate. */
  tls?: { ca: string; cert?: string; key?: string }
  headers?: Record<string, string>
  /** Only the head is read: the answer has no end. */
  stream?: boolean
}

async function ask<T = Answer>(
  control: StartedControl,
  path: string,
  { method = 'GET', token, body, tls, headers, stream }: Ask = {},
): Promise<Reply<T>> {
  const options = {
    method,
    agent: false as const,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
  }
  const url = new URL(path, tls ? control.base.replace('http:', 'https:') : control.base)
  const request = tls ? httpsRequest(url, { ...options, ...tls }) : httpRequest(url, options)
  request.end(body === undefined ? undefined : JSON.stringify(body))
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  if (stream && response.statusCode === 200) {
    request.destroy()
    return { status: 200, headers: response.headers, body: {} as T }
  }
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode!, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as T }
}

const adminOf = (at: Place) => readFileSync(join(at.data, 'admin-token'), 'utf8').trim()

async function started(t: TestContext, changes: Parameters<typeof startControl>[3] = {}) {
  const at = place(t)
  const control = await startControl(t, at, [], { doors: 'tokens', ...changes })
  const admin = adminOf(at)
  const make = async (order: Record<string, unknown>) => {
    const made = await ask<TokenStatus & { token: string }>(control, '/v1/tokens', {
      method: 'POST',
      token: admin,
      body: order,
    })
    assert.equal(made.status, 200, JSON.stringify(made.body))
    return made.body
  }
  return { at, control, admin, make }
}

function order(control: StartedControl, service: string, asked: Asked, how: Ask) {
  return ask<IssuedCertificate & Answer>(control, '/v1/identity/certificates', {
    method: 'POST',
    body: { service, csr: asked.csr },
    ...how,
  })
}

/** A proxy that has joined: its certificate, as node:tls takes it. */
async function joined(control: StartedControl, service: string, token: string) {
  const asked = await askForCertificate()
  const issued = await order(control, service, asked, { token })
  assert.equal(issued.status, 200, JSON.stringify(issued.body))
  return { ...issued.body, tls: { ca: issued.body.roots.join(''), cert: issued.body.chain, key: asked.key } }
}

const registration = (service: string, instance: string, kind = 'sidecar') =>
  `/v1/snapshots?${new URLSearchParams({ service, version: 'v1', instance, kind, address: '127.0.0.1:20000' })}`

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

test('a first start says the admin token once, a second never, and neither has anything to complain of', {
  timeout,
}, async t => {
  const at = place(t)
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: line => void lines.push(line) })
  const first = await startControl(t, at, [], { doors: 'tokens' }, log)
  const secret = adminOf(at)
  await first.close()
  const second = await startControl(t, at, [], { doors: 'tokens' }, log)
  await second.close()
  assert.equal(lines.filter(line => line.includes(secret)).length, 1)
  assert.deepEqual(
    lines.filter(line => (JSON.parse(line) as { level: number }).level >= 50),
    [],
  )
})

test('keys and tokens lie in files of mode 600, and the state holds no key in the clear', { timeout }, async t => {
  const { at } = await started(t, { joinTokenFile: undefined })
  for (const name of ['ca-key', 'admin-token']) assert.equal(statSync(join(at.data, name)).mode & 0o777, 0o600, name)
  const state = Buffer.concat(['control.db', 'control.db-wal'].map(name => readFileSync(join(at.data, name))))
  assert.ok(state.includes('BEGIN ENCRYPTED PRIVATE KEY'))
  assert.ok(!state.includes('BEGIN PRIVATE KEY'))
  assert.ok(!state.includes(adminOf(at).split('.')[1]!))
})

for (const [what, spoil, reason] of [
  ['gone', (_file: string, remove: () => void) => remove(), /is gone/],
  [
    'another one',
    (file: string) => writeFileSync(file, 'a different secret of length\n'),
    /does not open the private key/,
  ],
  ['readable for others', (file: string) => chmodSync(file, 0o644), /has mode 644/],
] as const)
  test(`a key file that is ${what} lets control run and say so; it certifies nobody`, { timeout }, async t => {
    // arrange
    const { at, control, make } = await started(t)
    const { token } = await make({ kind: 'join', reusable: true })
    await control.close()
    const { rmSync } = await import('node:fs')
    spoil(join(at.data, 'ca-key'), () => rmSync(join(at.data, 'ca-key')))
    // act
    const again = await startControl(t, at, [], { doors: 'tokens' })
    // assert
    const refused = await order(again, 'report', await askForCertificate(), { token })
    assert.equal(refused.status, 503)
    assert.equal(refused.body.error, 'locked')
    assert.match(refused.body.message!, reason)
    const ready = await ask<{ checks: Record<string, { ok: boolean; detail: string }> }>(again, '/ready')
    assert.equal(ready.status, 200)
    assert.match(ready.body.checks['certificates']!.detail, reason)
    assert.equal((await ask<TrustedRoots>(again, '/v1/identity/roots')).body.roots.length, 1)
  })

test('a reset makes a new root at once; certificates of the lost one are still proof until they end', {
  timeout,
}, async t => {
  const { at, control, admin, make } = await started(t)
  const report = await joined(control, 'report', (await make({ kind: 'join', services: ['report'] })).token)
  await control.close()
  writeFileSync(join(at.data, 'ca-key'), 'a different secret of length\n')
  const again = await startControl(t, at, [], { doors: 'tokens' })
  const reset = await ask<{ root: string }>(again, '/v1/identity/rotation', {
    method: 'POST',
    token: admin,
    body: { action: 'reset' },
  })
  assert.equal(reset.status, 200)
  const { roots } = (await ask<TrustedRoots>(again, '/v1/identity/roots')).body
  assert.equal(roots.length, 2)
  const renewed = await until(
    'control proves itself by the new root',
    async () => await order(again, 'report', await askForCertificate(), { tls: { ...report.tls, ca: roots[0]! } }),
    ({ status }) => status === 200,
  )
  assert.equal(renewed.body.issuer, reset.body.root)
})

test('files for others hold a token that works, keep it over a restart, and their group may read them', {
  timeout,
}, async t => {
  const at = place(t)
  const files = {
    joinTokenFile: `${at.config}.join`,
    readerTokenFile: `${at.config}.reader`,
    joinTokenFor: ['report', 'edge'],
  }
  const control = await startControl(t, at, [], { doors: 'tokens', ...files })
  const text = (path: string) => readFileSync(path, 'utf8').trim()
  const [join_, reader] = [text(files.joinTokenFile), text(files.readerTokenFile)]
  for (const path of [files.joinTokenFile, files.readerTokenFile])
    assert.equal(statSync(path).mode & 0o777 & ~0o040, 0o600)
  await joined(control, 'report', join_)
  await joined(control, 'edge', join_)
  assert.equal(
    (await order(control, 'expense', await askForCertificate(), { token: join_ })).body.error,
    'foreign-token',
  )
  assert.equal((await ask(control, '/v1/prometheus/targets', { token: reader })).status, 200)
  await control.close()
  const again = await startControl(t, at, [], { doors: 'tokens', ...files })
  assert.equal(text(files.joinTokenFile), join_)
  await joined(again, 'report', join_)
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
