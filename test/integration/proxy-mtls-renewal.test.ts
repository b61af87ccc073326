import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { parseAddress } from '../../runtime/address.ts'
import { createLog } from '../../runtime/log.ts'
import { testAuthority } from '../support/certificates.ts'
import { fakeControl } from '../support/fake-control.ts'
import { askOnce, identified, load, meshPair, type RunningProxy, statOf } from '../support/mesh-pair.ts'
import { adminOf, listenerOf, meshProxy } from '../support/mesh-proxy.ts'
import { answering, ok, origin } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'

const hello = () => origin(answering(() => ok('hello')))

test('certificates are renewed again and again under load, and no request fails', async t => {
  const control = await fakeControl(2000) // X.509 counts whole seconds: less is not to be had
  const app = await hello()
  const { report, expense, outbound } = await meshPair(t, control, app, { change: { idleTimeoutMs: 20 } })
  const traffic = await load(outbound, 4)

  for (const proxy of [report, expense])
    await until(
      'five renewals',
      () => statOf(proxy, 'trimtab_certificate_renewals_total'),
      n => n >= 5,
    )
  // Connections that are made anew all the time meet every pair of old and new certificates.
  const others = await Promise.all(Array.from({ length: 20 }, () => askOnce(outbound)))
  const { good, bad } = await traffic.stop()

  assert.deepEqual(bad, [])
  assert.ok(good > 100, `${good} requests`)
  for (const said of others) assert.match(said, /hello/)
  assert.equal(control.given.filter(({ by }) => by === 'token').length, 2)
  assert.equal(await statOf(report, 'trimtab_tls_handshake_failures_total'), 0)
  assert.equal(await statOf(expense, 'trimtab_tls_handshake_failures_total'), 0)
})

test('a root is exchanged with both trusted in between, and no request fails', async t => {
  const control = await fakeControl()
  const app = await hello()
  const { report, expense, outbound } = await meshPair(t, control, app, { change: { idleTimeoutMs: 20 } })
  const before = control.authority
  const after = await testAuthority('demo.mesh')
  const traffic = await load(outbound, 4)
  const renewed = (proxy: RunningProxy) => statOf(proxy, 'trimtab_certificate_renewals_total')

  control.rotate([after, before]) // both trusted, issued from the old one
  await until(
    'both roots',
    () => Promise.all([report, expense].map(proxy => adminOf(proxy, '/certs'))),
    texts => texts.every(text => text.split('"ca_cert"').length > 1 && rootsIn(text) === 2),
  )
  control.rotate([before, after]) // issued from the new one
  for (const proxy of [report, expense])
    await until(
      'certificates of the new root',
      () => renewed(proxy),
      n => n > 0,
    )
  await until(
    'new connections',
    () => askOnce(outbound),
    said => said.includes('hello'),
  )
  control.rotate([after]) // the old one goes
  await until(
    'one root',
    () => Promise.all([report, expense].map(proxy => adminOf(proxy, '/certs'))),
    texts => texts.every(text => rootsIn(text) === 1),
  )
  for (let n = 0; n < 20; n++) assert.match(await askOnce(outbound), /hello/)
  const { good, bad } = await traffic.stop()

  assert.deepEqual(bad, [])
  assert.ok(good > 100, `${good} requests`)
  assert.equal(await statOf(report, 'trimtab_tls_handshake_failures_total'), 0)
  assert.equal(await statOf(expense, 'trimtab_tls_handshake_failures_total'), 0)
})

function rootsIn(text: string): number {
  const { certificates } = JSON.parse(text) as { certificates: { ca_cert: unknown[] }[] }
  return certificates[0]?.ca_cert.length ?? 0
}

test('while control is away the certificate lasts, and /ready says until when', async t => {
  const control = await fakeControl(3000)
  const app = await hello()
  const { report, outbound } = await meshPair(t, control, app)

  await control.leave()
  const said = await until(
    'a failed renewal',
    () => adminOf(report, '/ready'),
    text => text.includes('identity: away'),
  )

  assert.match(said, /identity: away, spiffe:\/\/demo\.mesh\S+ until \d{4}-\S+Z \(\d+ s\); https:\/\/127/)
  assert.match(said, /^LIVE/)
  assert.match(await askOnce(outbound), /hello/)
  const expired = await until(
    'the end of the certificate',
    () => adminOf(report, '/ready'),
    text => text.includes('has expired'),
  )
  assert.match(expired, /the certificate has expired at \S+: others refuse it/)
  // What was connected before stays; who connects now has nothing to show.
  await control.comeBack()
  await identified(report)
  assert.ok(control.given.filter(({ by }) => by === 'token').length > 2)
  await until(
    'requests again',
    () => askOnce(outbound),
    text => text.includes('hello'),
  )
})

test('key and certificate are kept, readable by the owner alone, so that a restart needs no token', async t => {
  const control = await fakeControl()
  const data = mkdtempSync(`${tmpdir()}/trimtab-identity-`)
  control.tell('expense', { listener: listenerOf('expense', 'strict') })
  const flags = ['--service', 'expense', '--app', '127.0.0.1:9', '--control', control.url, '--data', data]
  const first = await meshProxy(flags, control.token)
  t.after(() => rmSync(data, { recursive: true }))
  t.after(() => control.close())
  await identified(first)
  await first.close()

  const again = await meshProxy(flags)
  t.after(() => again.close())

  await identified(again)
  assert.deepEqual(control.given, [{ by: 'token', service: 'expense' }])
  assert.equal(statSync(`${data}/identity.json`).mode & 0o777, 0o600)
})

test('what is kept for another service, or damaged, is not used', async t => {
  const control = await fakeControl()
  const data = mkdtempSync(`${tmpdir()}/trimtab-identity-`)
  t.after(() => rmSync(data, { recursive: true }))
  t.after(() => control.close())
  for (const service of ['expense', 'report']) control.tell(service, { listener: listenerOf(service, 'strict') })
  const of = (service: string) => [
    '--service',
    service,
    '--app',
    '127.0.0.1:9',
    '--control',
    control.url,
    '--data',
    data,
  ]
  const first = await meshProxy(of('expense'), control.token)
  await identified(first)
  await first.close()

  const other = await meshProxy(of('report'))
  t.after(() => other.close())

  assert.match(
    await adminOf(other, '/ready'),
    /identity: away, no certificate yet; nothing proves who this is, and no join token was given/,
  )
})

test('no private key is shown: not by the admin interface, not in the log', async t => {
  const control = await fakeControl()
  const data = mkdtempSync(`${tmpdir()}/trimtab-identity-`)
  t.after(() => rmSync(data, { recursive: true }))
  control.tell('expense', { listener: listenerOf('expense', 'strict') })
  const lines: string[] = []
  const log = createLog({ program: 'proxy', level: 'trace', format: 'json' }).child({})
  for (const level of ['trace', 'debug', 'info', 'warn', 'error'] as const)
    log[level] = ((...said: unknown[]) => void lines.push(JSON.stringify(said))) as never
  const proxy = await meshProxy(
    ['--service', 'expense', '--app', '127.0.0.1:9', '--control', control.url, '--data', data],
    control.token,
    log,
  )
  t.after(() => Promise.all([proxy.close(), control.close()]))
  await identified(proxy)
  const { keyPem } = JSON.parse(readFileSync(`${data}/identity.json`, 'utf8')) as { keyPem: string }
  const secret = keyPem.split('\n')[1]!.slice(0, 40)

  const paths = ['/certs', '/config_dump', '/stats', '/ready', '/server_info', '/listeners?format=json', '/']
  const shown = (await Promise.all(paths.map(path => adminOf(proxy, path)))).join('') + lines.join('')

  assert.ok(lines.length > 0)
  for (const word of [secret, 'PRIVATE KEY', control.token.secret]) assert.equal(shown.includes(word), false, word)
  assert.match(await adminOf(proxy, '/config_dump'), /"private_key": \{\s*"inline_string": "\[redacted\]"/)
})

test('a wrong or unknown token says what is wrong, and the right one helps later', async t => {
  const control = await fakeControl()
  const stranger = await fakeControl()
  control.tell('expense', { listener: listenerOf('expense', 'strict') })
  const flags = ['--service', 'expense', '--app', '127.0.0.1:9', '--control', control.url]
  const foreign = await meshProxy(flags, stranger.token)
  const unknown = await meshProxy(flags, { ...control.token, secret: stranger.token.secret })
  t.after(() => Promise.all([foreign.close(), unknown.close(), control.close(), stranger.close()]))

  await until(
    'a word on the pin',
    () => adminOf(foreign, '/ready'),
    text => /fits the pin of the join token/.test(text),
  )
  await until(
    'a word on the proof',
    () => adminOf(unknown, '/ready'),
    text => /control answered 401/.test(text),
  )
  assert.equal(parseAddress(foreign.addresses['inbound']!)!.host, '127.0.0.1')
})

test('when the answer to a one-time token is lost, the token is tried again for the same key', async t => {
  const control = await fakeControl()
  control.tokenOnce = true
  control.answersToLose = 1
  control.tell('expense', { listener: listenerOf('expense', 'strict') })
  const proxy = await meshProxy(
    ['--service', 'expense', '--app', '127.0.0.1:9', '--control', control.url],
    control.token,
  )
  t.after(() => Promise.all([proxy.close(), control.close()]))

  await identified(proxy)
  assert.equal(control.given.filter(({ by }) => by === 'token').length, 2)
})
