import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { after, test } from 'node:test'
import { spiffeIdOf, type TrustedRoots } from '../../protocol/identity.ts'
import { PROTOCOL } from '../../protocol/version.ts'
import { testAuthority } from '../support/certificates.ts'
import { until } from '../support/until.ts'
import { bench } from './collector-harness.ts'
import { place, startControl } from './control-harness.ts'

const collectors = bench()
after(collectors.end)

const home = { trustDomain: 'demo.mesh', dc: 'dc1' }

interface Shown {
  cert: string
  key: string
}

/** What a proxy of this service is answered that opens a report stream and ends it again. */
async function report(zipkin: string, service: string, shown?: Shown): Promise<{ status: number; text: string }> {
  const options = { method: 'POST', agent: false as const, headers: { 'content-type': 'application/x-ndjson' } }
  const request = shown
    ? httpsRequest(`https://${zipkin}/v1/reports`, { ...options, ...shown, rejectUnauthorized: false })
    : httpRequest(`http://${zipkin}/v1/reports`, options)
  const hello = {
    protocol: PROTOCOL,
    program: 'proxy',
    version: '0.0.0',
    instance: `${service}-1`,
    service,
    serviceVersion: 'v1',
    kind: 'sidecar',
  }
  request.end(`${JSON.stringify(hello)}\n`)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode!, text }
}

test('where certificates are asked for, a proxy reports for its own service and for no other', async () => {
  // arrange
  const authority = await testAuthority(home.trustDomain)
  const certify = async (from: typeof authority, id: string, lifetimeMs?: number) => {
    const { chain, key } = await from.certify({ spiffeId: id }, lifetimeMs === undefined ? {} : { lifetimeMs })
    return { cert: chain, key }
  }
  const data = collectors.directory()
  const roots: TrustedRoots = { ...home, roots: [authority.root] }
  writeFileSync(`${data}.json`, JSON.stringify(roots))
  const { zipkin, health } = await collectors.collector(data, '--clickhouse', 'off', '--control-roots', `${data}.json`)
  const mine = await certify(authority, spiffeIdOf(home, 'report'))
  // act and assert
  assert.equal((await report(zipkin, 'report', mine)).status, 200)
  const posing = await report(zipkin, 'expense', mine)
  assert.equal(posing.status, 403)
  assert.match(posing.text, /expense-1 may not report: the certificate is for .*svc\/report, not for expense/)
  assert.match((await report(zipkin, 'report')).text, /no certificate was shown/)
  const elsewhere = await certify(await testAuthority(home.trustDomain), spiffeIdOf(home, 'report'))
  assert.match((await report(zipkin, 'report', elsewhere)).text, /leads to no trusted root/)
  const otherMesh = await certify(authority, spiffeIdOf({ ...home, dc: 'dc2' }, 'report'))
  assert.equal((await report(zipkin, 'report', otherMesh)).status, 403)
  const short = await certify(authority, spiffeIdOf(home, 'report'), 1000)
  await until(
    'it ends',
    () => report(zipkin, 'report', short),
    ({ text }) => /expired at/.test(text),
  )
  // spans of applications go on in clear text
  const spans = await fetch(`http://${zipkin}/api/v2/spans`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '[]',
  })
  assert.equal(spans.status, 202)
  const ready = (await (await fetch(`http://${health}/ready`)).json()) as { checks: Record<string, { ok: boolean }> }
  assert.ok(ready.checks['meshRoots']!.ok)
})

test('the roots may come from control itself', async t => {
  // arrange
  const control = await startControl(t, place(t), [])
  const { zipkin } = await collectors.collector(
    collectors.directory(),
    '--clickhouse',
    'off',
    '--control-roots',
    control.base,
  )
  const stranger = await testAuthority()
  const { chain, key } = await stranger.certify({ spiffeId: spiffeIdOf(home, 'report') })
  // act
  const answer = await until(
    'TLS is spoken',
    () => report(zipkin, 'report', { cert: chain, key }),
    ({ status }) => status === 403,
  )
  // assert
  assert.match(answer.text, /leads to no trusted root/)
})
