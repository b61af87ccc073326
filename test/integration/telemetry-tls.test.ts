import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer, request as httpsRequest } from 'node:https'

import { tmpdir } from 'node:os'
import { type TestContext, test } from 'node:test'
import { type Collector, createCollector } from '../../collector/collector.ts'
import { collectorProgram, collectorSettings, settingsProblem } from '../../collector/config.ts'
import { joinTokenSource } from '../../collector/join-token-source.ts'
import type { AuthorityStatus } from '../../control/identity/identity-status.ts'
import type { IssuedCertificate, TrustedRoots } from '../../protocol/credentials.ts'
import { COLLECTOR, readJoinToken } from '../../protocol/identity.ts'
import type { Tick } from '../../protocol/tick.ts'
import { type Address, listen, parseAddress } from '../../runtime/address.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { readSettings } from '../../runtime/settings.ts'
import { askForCertificate } from '../support/certificates.ts'
import { identified } from '../support/mesh-pair.ts'
import { adminOf, meshProxy } from '../support/mesh-proxy.ts'
import { type RecordingRelay, recordingRelay } from '../support/recording-relay.ts'
import { until } from '../support/until.ts'
import { ask, follow, place, post, type StartedControl, startControl } from './control-harness.ts'

const timeout = 90_000
const mesh = `
mesh: demo
telemetry: { sample: 100% }
services:
  secretservice: { versions: { v1: { weight: 100 } } }
intentions: { default: allow }
`

interface Place {
  control: StartedControl
  collector: Collector
  relay: RecordingRelay
  /** Where the application calls others; it calls its own service, so that each call passes the proxy twice. */
  outbound: Address
  proxy: Awaited<ReturnType<typeof meshProxy>>
}

/** Control, a collector, and a proxy before an application; all that goes to the collector passes a relay that writes it down. */
async function wholeWay(
  t: TestContext,
  {
    scheme = 'https',
    lifetimeMs = 3_600_000,
    flags = [],
  }: { scheme?: string; lifetimeMs?: number; flags?: string[] } = {},
): Promise<Place> {
  const relay = await recordingRelay(t)
  const at = place(t)
  at.write(mesh)
  const token = `${at.data}/collector-token`
  const control = await startControl(t, at, [`${scheme}://${relay.address}`], {
    certificateLifetime: lifetimeMs,
    collectorTokenFile: token,
  })
  const secure = control.base.replace('http:', 'https:')
  const collector = await startCollector(t, ['--control', secure, '--join-token-file', token, ...flags])
  relay.to = collector.addresses.zipkin
  const app = createServer((_request, response) => response.end('fine'))
  const { port } = await listen(app, { host: '127.0.0.1', port: 0 })
  const made = await post(control.base, '/v1/tokens', { kind: 'join' })
  const proxy = await meshProxy(
    ['--service', 'secretservice', '--version', 'v1', '--app', `127.0.0.1:${port}`, '--control', secure],
    readJoinToken((made.body as { token: string }).token)!,
  )
  t.after(async () => {
    await proxy.close()
    app.closeAllConnections()
    app.close()
  })
  const outbound = parseAddress(proxy.addresses['outbound']!)!
  await identified(proxy)
  const own = `${proxy.addresses['inbound']}::`
  await until(
    'its own endpoint',
    () => adminOf(proxy, '/clusters'),
    text => text.includes(own),
  )
  return { control, collector, relay, outbound, proxy }
}

async function startCollector(t: TestContext, flags: readonly string[]): Promise<Collector> {
  const data = mkdtempSync(`${tmpdir()}/trimtab-telemetry-`)
  const any = ['--zipkin', '--health', '--telemetry'].flatMap(flag => [flag, '127.0.0.1:0'])
  const argv = ['--data', data, '--clickhouse', 'off', ...any, ...flags]
  const read = readSettings(collectorProgram, collectorSettings, { argv, env: {} })
  if (read.status !== 'ok') throw new Error(JSON.stringify(read))
  const joined = joinTokenSource(read.values.joinTokenFile, {})
  if (joined.status === 'invalid') throw new Error(joined.reason)
  const settings = { ...read.values, joinToken: joined.token }
  const collector = await createCollector(settings, { clock: systemClock, random: Math.random, log: silentLog })
  t.after(async () => {
    await collector.close()
    rmSync(data, { recursive: true, force: true })
  })
  return collector
}

const SPANS_A_CALL = 2

async function call({ outbound: { host, port } }: Place, path: string): Promise<void> {
  const headers = { host: 'secretservice', 'user-agent': 'secret-agent' }
  const [answer] = (await once(get({ host, port, path, headers }), 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  assert.equal(text, 'fine')
}

const metricsOf = async ({ collector }: Place): Promise<string> =>
  await (await fetch(`http://${collector.addresses.telemetry}/metrics`)).text()

/** The sum of a metric of the collector whose series include these labels. */
async function sumOf(at: Place, name: string, labels = ''): Promise<number> {
  const series = (await metricsOf(at)).split('\n').filter(line => line.startsWith(`trimtab_collector_${name}`))
  return series.filter(line => line.includes(labels)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}
const spansTaken = (at: Place) => sumOf(at, 'accepted_total', 'signal="span"')

/** Counts what the collector hears of requests, from now on. */
async function countReported(t: TestContext, { collector }: Place): Promise<{ requests: number }> {
  const heard = { requests: 0 }
  const live = await follow<Tick>(t, `http://${collector.addresses.zipkin}/live`)
  let read = 0
  const stop = systemClock.every(20, () => {
    for (const { rows = [] } of live.all.slice(read))
      for (const row of rows) if (row.endpoint === '') heard.requests += row.requests
    read = live.all.length
  })
  t.after(stop)
  return heard
}

async function oneRequestSeen(at: Place): Promise<void> {
  await call(at, '/secret/path?token=secret-query')
  await until(
    'the span at the collector',
    () => spansTaken(at),
    spans => spans >= SPANS_A_CALL,
  )
  await until(
    'the report stream',
    () => sumOf(at, 'report_lines_total', 'merged'),
    lines => lines >= 4,
  )
  await until(
    'spans, reports and the live stream on the wire',
    () => at.relay.connections.length,
    count => count >= 3,
  )
}

test('whoever reads the wire to the collector finds no path, no agent and no service name in spans, reports or the live stream', {
  timeout,
}, async t => {
  const at = await wholeWay(t)

  await oneRequestSeen(at)

  for (const { up } of at.relay.connections)
    assert.equal(up[0]?.[0], 22, 'every connection begins with a TLS handshake')
  assert.doesNotMatch(at.relay.text(), /secret|HTTP\/1\.1|POST|spiffe|traceId/)
})

test('the same wire shows all of it where control names the collector by http', { timeout }, async t => {
  const at = await wholeWay(t, { scheme: 'http' })

  await oneRequestSeen(at)

  for (const word of [/secret\/path/, /secret-agent/, /secretservice/, /POST \/v1\/reports/, /GET \/live/])
    assert.match(at.relay.text(), word)
})

test('renewals and a root rotation in the middle of traffic lose no span and no report', { timeout }, async t => {
  // arrange: certificates of five seconds, so that proxy and collector renew theirs every two or three
  const at = await wholeWay(t, { lifetimeMs: 5000 })
  const reported = await countReported(t, at)
  await oneRequestSeen(at)
  const [old] = (await ask<TrustedRoots>(at.control.base, '/v1/identity/roots')).roots
  let calls = 1
  let over = false
  const traffic = (async () => {
    while (!over) await call(at, `/secret/${calls++}`)
  })()
  // act
  const begun = await post(at.control.base, '/v1/identity/rotation', { action: 'rotate' })
  assert.equal(begun.status, 200, JSON.stringify(begun.body))
  const steady = ({ step, roots }: AuthorityStatus) => step === 'steady' && roots.length === 1
  await until('the new root alone', () => ask<AuthorityStatus>(at.control.base, '/v1/identity'), steady, 60_000)
  const before = at.relay.connections.length
  await until(
    'connections of certificates of the new root',
    () => at.relay.connections.length,
    now => now >= before + 2,
  )
  over = true
  await traffic
  // assert
  const { roots } = await ask<TrustedRoots>(at.control.base, '/v1/identity/roots')
  assert.notEqual(roots[0], old)
  const { certificates } = await ask<AuthorityStatus>(at.control.base, '/v1/identity')
  assert.deepEqual(
    certificates.filter(({ service }) => service === COLLECTOR).map(({ proof }) => proof),
    ['certificate'],
    'the collector renews by its certificate: its token was needed once',
  )
  await until(
    'every span',
    () => spansTaken(at),
    spans => spans >= calls * SPANS_A_CALL,
  )
  assert.equal(await spansTaken(at), calls * SPANS_A_CALL)
  await until(
    'every request reported',
    () => reported.requests,
    requests => requests >= calls,
  )
  assert.equal(reported.requests, calls)
  assert.equal(await sumOf(at, 'report_lines_missed_total'), 0)
  assert.doesNotMatch(at.relay.text(), /secret/)
})

async function certify(control: StartedControl, service: string, join: object) {
  const made = await post(control.base, '/v1/tokens', { kind: 'join', ...join })
  const { csr, key } = await askForCertificate()
  const response = await fetch(`${control.base}/v1/identity/certificates`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${(made.body as { token: string }).token}`,
    },
    body: JSON.stringify({ service, csr }),
  })
  return { status: response.status, body: (await response.json()) as IssuedCertificate & { message?: string }, key }
}

test('a service that answers in the place of the collector gets nothing, and the spans wait for the true one', {
  timeout,
}, async t => {
  // arrange
  const at = await wholeWay(t)
  const { body, key } = await certify(at.control, 'secretservice', {})
  let asked = 0
  const impostor = createTlsServer({ cert: body.chain, key }, (_request, response) => {
    asked++
    response.writeHead(202).end()
  })
  const { port } = await listen(impostor, { host: '127.0.0.1', port: 0 })
  t.after(() => impostor.close())
  await until(
    'the report stream',
    () => sumOf(at, 'report_lines_total', 'merged'),
    lines => lines >= 1,
  )
  // act
  at.relay.to = `127.0.0.1:${port}`
  at.relay.cut()
  await call(at, '/secret/path')
  // assert
  const why =
    /expected spiffe:\/\/demo\.mesh\/collector, but spiffe:\/\/demo\.mesh\/ns\/default\/dc\/dc1\/svc\/secretservice answered/
  await until(
    'the reason on /ready',
    () => adminOf(at.proxy, '/ready'),
    text => why.test(text),
  )
  assert.equal(asked, 0)
  at.relay.to = at.collector.addresses.zipkin
  await until(
    'the span at the true one',
    () => spansTaken(at),
    spans => spans === SPANS_A_CALL,
  )
})

test('a token for any service is none for the collector, and one for the collector is none for a service', {
  timeout,
}, async t => {
  const control = await startControl(t, place(t), [])

  const byAny = await certify(control, COLLECTOR, { reusable: true })
  const byItsOwn = await certify(control, COLLECTOR, { services: [COLLECTOR] })
  const asService = await certify(control, 'report', { services: [COLLECTOR] })

  assert.equal(byAny.status, 403)
  assert.match(byAny.body.message!, /is for services and gateways, not for \(collector\)/)
  assert.equal(byItsOwn.status, 200)
  assert.equal(byItsOwn.body.spiffeId, 'spiffe://demo.mesh/collector')
  assert.equal(asService.status, 403)
})

/** Asks over TLS as any program would that was given the mesh's root: by host name, without a certificate of its own. */
function askSecurely(url: string, ca: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', ca, agent: false, headers: { 'content-type': 'application/json' } }
    const request = httpsRequest(url, options, async response => {
      let text = ''
      for await (const chunk of response) text += String(chunk)
      resolve({ status: response.statusCode!, text })
    })
    request.on('error', reject)
    request.end(body)
  })
}

test('--tls strict refuses clear text with what to do, and takes spans of applications by https that know the root alone', {
  timeout,
}, async t => {
  // arrange
  const at = await wholeWay(t, { flags: ['--tls', 'strict'] })
  await until(
    'TLS',
    () => sumOf(at, 'report_streams_total', 'opened'),
    streams => streams >= 1,
  )
  const { zipkin, health } = at.collector.addresses
  const spans = JSON.stringify([{ traceId: '1'.repeat(32), id: '2'.repeat(16), name: 'get' }])
  const { roots } = await ask<TrustedRoots>(at.control.base, '/v1/identity/roots')
  // act
  const plain = await fetch(`http://${zipkin}/api/v2/spans`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: spans,
  })
  const query = await fetch(`http://${zipkin}/api/v2/services`)
  const large = await fetch(`http://${zipkin}/api/v2/spans`, { method: 'POST', body: 'x'.repeat(1_000_000) })
  const secure = await askSecurely(`https://localhost:${zipkin.split(':')[1]}/api/v2/spans`, roots[0]!, spans)
  // assert
  for (const refused of [plain, query, large]) {
    assert.equal(refused.status, 400)
    assert.match(
      ((await refused.json()) as { error: string }).error,
      /takes TLS alone: ask by https .* --tls permissive/,
    )
  }
  assert.deepEqual(secure, { status: 202, text: '' })
  assert.equal((await fetch(`http://${health}/health`)).status, 200)
  const ready = await until(
    'all well',
    async () => await (await fetch(`http://${health}/ready`)).text(),
    text => text.startsWith('{"ready":true') && !text.includes('"ok":false'),
    5000,
  )
  assert.match(ready, /"identity":\{"ok":true,"detail":"spiffe:\/\/demo\.mesh\/collector until /)
  assert.equal(await sumOf(at, 'clear_text_requests_total', 'route="/api/v2/spans",outcome="refused"'), 2)
})

test('what does not go together is said before anything is started', () => {
  const problemOf = (...argv: string[]) => {
    const read = readSettings(collectorProgram, collectorSettings, { argv, env: {} })
    assert.equal(read.status, 'ok')
    return settingsProblem((read as { values: Parameters<typeof settingsProblem>[0] }).values)
  }

  assert.match(problemOf('--tls', 'strict')!, /needs a certificate: name control by --control/)
  assert.match(problemOf('--control', 'http://10.0.0.2:8500')!, /must be named by https/)
  assert.match(problemOf('--control', 'https://10.0.0.2:8500', '--mesh-roots', 'x.pem')!, /leave out --mesh-roots/)
  assert.equal(problemOf('--control', 'https://10.0.0.2:8500', '--tls', 'strict'), undefined)
  assert.equal(problemOf(), undefined)
})
