import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { parseAddress } from '../../runtime/address.ts'
import { fakeControl } from '../support/fake-control.ts'
import { askOnce, EXPENSE, meshPair, statOf } from '../support/mesh-pair.ts'
import { adminOf, listenerOf, meshProxy } from '../support/mesh-proxy.ts'
import { upstreamOf } from '../support/proxy-harness.ts'
import { answering, ok, origin } from '../support/proxy-sockets.ts'

const hello = () => origin(answering(() => ok('hello')))

/** What is found at `path` in a tree, wherever it stands. */
function everything(tree: unknown, key: string): unknown[] {
  if (typeof tree !== 'object' || tree === null) return []
  return Object.entries(tree).flatMap(([name, value]) => [...(name === key ? [value] : []), ...everything(value, key)])
}

test('/certs tells chain and roots as Envoy does', async t => {
  const control = await fakeControl()
  const { expense } = await meshPair(t, control, await hello())

  const { certificates } = JSON.parse(await adminOf(expense, '/certs'))

  assert.equal(certificates.length, 1)
  const [leaf] = certificates[0].cert_chain
  assert.deepEqual(Object.keys(leaf), [
    'path',
    'serial_number',
    'subject_alt_names',
    'days_until_expiration',
    'valid_from',
    'expiration_time',
  ])
  assert.deepEqual(leaf.subject_alt_names, [{ uri: EXPENSE }])
  assert.equal(leaf.days_until_expiration, '0')
  assert.match(leaf.serial_number, /^[0-9a-f]{32}$/)
  assert.ok(Date.parse(leaf.valid_from) < Date.now() && Date.now() < Date.parse(leaf.expiration_time))
  assert.deepEqual(certificates[0].ca_cert[0].subject_alt_names, [{ uri: 'spiffe://demo.mesh' }])
})

test('/config_dump shows both TLS contexts: who must prove what, and no key', async t => {
  const control = await fakeControl()
  const { expense, report } = await meshPair(t, control, await hello(), { mtls: 'permissive' })

  const dumps = await Promise.all(
    [expense, report].map(async proxy => JSON.parse(await adminOf(proxy, '/config_dump'))),
  )
  const contexts = dumps.map(dump =>
    everything(dump, 'transport_socket').map(
      socket => (socket as { typed_config: Record<string, unknown> }).typed_config,
    ),
  )

  const taken = contexts[0]!.find(context => String(context['@type']).endsWith('DownstreamTlsContext'))!
  assert.equal(taken['require_client_certificate'], true)
  assert.deepEqual(everything(taken, 'match_typed_subject_alt_names'), [
    [{ san_type: 'URI', matcher: { prefix: 'spiffe://demo.mesh/' } }],
  ])
  assert.deepEqual(everything(taken, 'private_key'), [{ inline_string: '[redacted]' }])
  const given = contexts[1]!.find(context => String(context['@type']).endsWith('UpstreamTlsContext'))!
  assert.deepEqual(everything(given, 'match_typed_subject_alt_names'), [
    [{ san_type: 'URI', matcher: { exact: EXPENSE } }],
  ])
  // Permissive: one chain for TLS, one for clear text.
  const inbound = everything(dumps[0], 'dynamic_listeners')
    .flat()
    .find(found => (found as { name: string }).name === 'inbound')
  const [chains] = everything(inbound, 'filter_chains') as unknown[][]
  assert.equal(chains!.length, 2)
  assert.deepEqual(everything(chains![0], 'filter_chain_match'), [{ transport_protocol: 'tls' }])
})

test('handshakes, resumed sessions and what is left of the certificate stand in the metrics', async t => {
  const control = await fakeControl()
  const { expense, report, outbound } = await meshPair(t, control, await hello())

  assert.match(await askOnce(outbound), /hello/)

  assert.equal(await statOf(report, 'envoy_cluster_ssl_handshake', 'expense'), 1)
  assert.equal(await statOf(expense, 'envoy_listener_ssl_handshake', 'inbound'), 1)
  assert.equal(await statOf(expense, 'trimtab_tls_handshakes_active'), 0)
  const left = await statOf(expense, 'trimtab_certificate_seconds_left')
  assert.ok(left > 3500 && left <= 3600, String(left))
})

test('a proxy without an identity says what it cannot reach and why, and goes on with the rest', async t => {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-snapshot-`)
  const app = await hello()
  const sections = {
    listener: listenerOf('report', 'strict'),
    'upstream/expense': upstreamOf([app.address], { peerSpiffeId: EXPENSE }),
    'upstream/rates': { ...upstreamOf([app.address]), service: 'rates' },
  }
  const line = {
    epoch: 1,
    sections: Object.fromEntries(Object.entries(sections).map(([name, value]) => [name, { version: 1, value }])),
  }
  writeFileSync(`${folder}/snapshot.json`, JSON.stringify(line))
  const proxy = await meshProxy([
    '--service',
    'report',
    '--app',
    '127.0.0.1:9',
    '--snapshot',
    `${folder}/snapshot.json`,
  ])
  t.after(() => Promise.all([proxy.close(), app.close()]))
  t.after(() => rmSync(folder, { recursive: true }))
  const outbound = parseAddress(proxy.addresses['outbound']!)!

  assert.match(
    await askOnce(outbound, 'expense'),
    /^HTTP\/1\.1 503 [\s\S]*"flag":"UF"[\s\S]*this proxy has no identity: give it the https address of control/,
  )
  assert.match(await askOnce(outbound, 'rates'), /hello/)
  assert.match(
    await adminOf(proxy, '/ready'),
    /identity: away, control is reached over http, so this proxy has no certificate and refuses every call to its service; 1 services/,
  )
  // Strict stays strict, though nobody can keep it: what was to be protected must not be open.
  assert.match(
    await askOnce(parseAddress(proxy.addresses['inbound']!)!, 'report'),
    /^HTTP\/1\.1 400 [\s\S]*takes mTLS alone, and this proxy has no certificate/,
  )
  assert.equal(await statOf(proxy, 'trimtab_tls_handshake_failures_total', 'reason="no_own_certificate"'), 1)
})
