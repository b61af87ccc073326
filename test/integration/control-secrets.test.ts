import assert from 'node:assert/strict'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import type { TrustedRoots } from '../../protocol/credentials.ts'
import { askForCertificate } from '../support/certificates.ts'
import { until } from '../support/until.ts'
import { place, startControl } from './control-harness.ts'
import { adminOf, ask, joined, order, started, timeout } from './identity-harness.ts'

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
