import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { afterEach, test } from 'node:test'
import { COLLECTOR_AUDIENCE, controlSpiffeId, spiffeIdOf } from '../../protocol/identity.ts'
import { PROTOCOL } from '../../protocol/version.ts'
import { proveByCertificate } from '../../runtime/certificate-proof.ts'
import { testAuthority } from '../support/certificates.ts'
import { bench, metric, type Started } from './collector-harness.ts'

const all = bench()
afterEach(() => all.end())

const home = { trustDomain: 'demo.mesh', dc: 'dc1' }
const authority = await testAuthority(home.trustDomain)

async function proofOf(spiffeId: string): Promise<string> {
  const { chain, key } = await authority.certify({ spiffeId })
  return await proveByCertificate({ chainPem: chain, keyPem: key }, COLLECTOR_AUDIENCE, Date.now())
}

/** A collector that believes the certificates of that authority. */
async function collector(): Promise<Started> {
  const data = all.directory()
  writeFileSync(`${data}/roots.pem`, authority.root)
  return await all.collector(data, '--clickhouse', 'off', '--mesh-roots', `${data}/roots.pem`)
}

const hello = (service: string) => ({
  protocol: PROTOCOL,
  program: 'proxy',
  version: '1',
  instance: `${service}-1`,
  service,
  serviceVersion: 'v1',
  kind: 'sidecar',
})

async function post({ zipkin }: Started, path: string, body: string, proof: string | undefined) {
  const answer = await fetch(`http://${zipkin}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-ndjson',
      ...(proof === undefined ? {} : { authorization: `Bearer ${proof}` }),
    },
    body,
  })
  return { status: answer.status, text: await answer.text() }
}

test('a proxy reports as the service of its certificate, and as nobody else', async () => {
  const started = await collector()
  const report = (service: string, proof: string | undefined) =>
    post(started, '/v1/reports', `${JSON.stringify(hello(service))}\n`, proof)
  const proof = await proofOf(spiffeIdOf(home, 'report'))
  assert.equal((await report('report', proof)).status, 200)
  const asOther = await report('expense', proof)
  assert.equal(asOther.status, 403)
  assert.match(asOther.text, /its certificate is for report/)
  const withoutProof = await report('report', undefined)
  assert.equal(withoutProof.status, 401)
  assert.match(withoutProof.text, /join token/)
  assert.equal(await metric(started, 'report_streams_total', { outcome: 'refused' }), 2)
})

test('decisions are taken from control alone', async () => {
  const started = await collector()
  const send = async (id: string) => (await post(started, '/v1/decisions', '[]', await proofOf(id))).status
  assert.equal(await send(controlSpiffeId(home.trustDomain)), 202)
  assert.equal(await send(spiffeIdOf(home, 'report')), 403)
  assert.equal((await post(started, '/v1/decisions', '[]', undefined)).status, 401)
})

test('while no root is known the sender is told to come again, and /ready says what is missing', async () => {
  const data = all.directory()
  const started = await all.collector(data, '--clickhouse', 'off', '--mesh-roots', `${data}/absent.pem`)
  const answer = await post(started, '/v1/reports', '', await proofOf(spiffeIdOf(home, 'report')))
  assert.equal(answer.status, 503)
  const ready = await (await fetch(`http://${started.health}/ready`)).json()
  assert.match(JSON.stringify(ready), /no root is known yet/)
})
