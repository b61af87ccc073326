import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect, createServer } from 'node:tls'
import type { AuthorityStatus } from '../../control/identity/identity-status.ts'
import type { Identity, IssuedCertificate } from '../../protocol/credentials.ts'
import { askForCertificate } from '../support/certificates.ts'
import { until } from '../support/until.ts'
import {
  ask,
  fakeCollector,
  follow,
  healthy,
  place,
  post,
  reporter,
  type StartedControl,
  startControl,
} from './control-harness.ts'

const timeout = 60_000

interface Line {
  epoch?: number
  sections?: Record<string, { value: Identity } | null>
}

const identityIn = (line: Line) => line.sections?.['identity']?.value
const authority = (control: StartedControl) => ask<AuthorityStatus>(control.base, '/v1/identity')
const rotate = async (control: StartedControl) =>
  (await post(control.base, '/v1/identity/rotation', { action: 'rotate' })) as {
    status: number
    body: { root?: string; message?: string }
  }

async function certify(control: StartedControl, service: string) {
  const { body } = (await post(control.base, '/v1/tokens', { kind: 'join' })) as unknown as { body: { token: string } }
  const asked = await askForCertificate()
  const response = await fetch(`${control.base}/v1/identity/certificates`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${body.token}` },
    body: JSON.stringify({ service, csr: asked.csr }),
  })
  assert.equal(response.status, 200)
  return { issued: (await response.json()) as IssuedCertificate, key: asked.key }
}

/** Whether two holders of certificates accept each other when each trusts these roots alone. */
async function shakeHands(
  t: TestContext,
  server: Awaited<ReturnType<typeof certify>>,
  client: Awaited<ReturnType<typeof certify>>,
  trust: { server: string[]; client: string[] },
): Promise<boolean> {
  const listener = createServer({
    cert: server.issued.chain,
    key: server.key,
    ca: trust.server,
    requestCert: true,
    rejectUnauthorized: false,
  })
  listener.listen(0, '127.0.0.1')
  t.after(() => listener.close())
  await once(listener, 'listening')
  const socket = connect({
    port: (listener.address() as AddressInfo).port,
    host: '127.0.0.1',
    cert: client.issued.chain,
    key: client.key,
    ca: trust.client,
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  })
  const [accepted] = (await once(listener, 'secureConnection')) as [{ authorized: boolean; destroy(): void }]
  const both = accepted.authorized && socket.authorized
  socket.destroy()
  accepted.destroy()
  return both
}

test('a root rotation drops nobody: told first, issued from later, retired when its last certificate is over', {
  timeout,
}, async t => {
  // arrange
  const collector = await fakeCollector(t)
  const control = await startControl(t, place(t), [collector.url], { certificateLifetime: 5000 })
  const query = new URLSearchParams({
    service: 'report',
    version: 'v2',
    instance: 'report-1',
    kind: 'sidecar',
    address: '127.0.0.1:20000',
  })
  const stream = await follow<Line>(t, `${control.base}/v1/snapshots?${query}`)
  const first = await stream.until(line => identityIn(line) !== undefined)
  const [old] = identityIn(first)!.roots as [string]
  const before = await certify(control, 'report')
  await until('the collector is read', collector.streams, streams => streams === 1)
  // act
  const begun = await rotate(control)
  assert.equal(begun.status, 200)
  // assert: told, not used
  const told = await stream.until(line => identityIn(line)?.roots.length === 2)
  assert.equal(identityIn(told)!.issuer, identityIn(first)!.issuer)
  assert.equal((await certify(control, 'expense')).issued.issuer, identityIn(first)!.issuer)
  assert.deepEqual((await authority(control)).behind, ['report-1'])
  assert.equal((await rotate(control)).status, 409)
  // assert: control proves itself to who knows only one of the two, whichever: a proxy that joins now, and one that has heard nothing
  const secure = control.base.replace('http:', 'https:')
  const proves = (ca: string) =>
    new Promise<boolean>(resolve => {
      const request = get(`${secure}/v1/identity/roots`, { ca, agent: false }, response => {
        response.resume()
        resolve(true)
      })
      request.on('error', () => resolve(false))
    })
  const [toCome] = identityIn(told)!.roots.filter(root => root !== old) as [string]
  await until('the new root leads to control', () => proves(toCome), Boolean)
  assert.ok(await proves(old))
  // act: the proxy says that it has applied it
  const ticks = setInterval(() => collector.tick(healthy(), [reporter('report-1', told.epoch!)]), 50)
  t.after(() => clearInterval(ticks))
  // assert: used
  const used = await stream.until(line => identityIn(line)?.issuer === begun.body.root)
  assert.equal(identityIn(used)!.roots.length, 2)
  const after = await certify(control, 'expense')
  assert.equal(after.issued.issuer, begun.body.root)
  // assert: old and new know each other, also where only one of the roots is known
  const roots = identityIn(used)!.roots
  const newRoot = roots.find(root => root !== old)!
  assert.ok(await shakeHands(t, after, before, { server: roots, client: roots }))
  assert.ok(await shakeHands(t, after, before, { server: [old], client: [old] }), 'the way to the old root goes along')
  assert.ok(await shakeHands(t, after, after, { server: [newRoot], client: [newRoot] }))
  // assert: gone when its last certificate is
  const over = await stream.until(line => identityIn(line)?.roots.length === 1, stream.all.indexOf(used))
  assert.deepEqual(identityIn(over)!.roots, [newRoot])
  assert.ok(Date.now() > Date.parse(before.issued.notAfter))
  assert.equal((await authority(control)).step, 'steady')
})

test('a restart in the middle of a rotation goes on where it was, with both roots', { timeout }, async t => {
  const at = place(t)
  const first = await startControl(t, at, [], { rotationPatience: 3_600_000 })
  const query = new URLSearchParams({
    service: 'report',
    version: 'v2',
    instance: 'report-1',
    kind: 'sidecar',
    address: '127.0.0.1:20000',
  })
  await follow<Line>(t, `${first.base}/v1/snapshots?${query}`)
  await certify(first, 'report')
  await rotate(first)
  assert.equal((await authority(first)).step, 'spreading')
  await first.close()
  // spreading still: the proxy has a grace to come back, and has applied nothing
  const second = await startControl(t, at, [], { rotationPatience: 3_600_000 })
  const spreading = await authority(second)
  assert.equal(spreading.step, 'spreading')
  assert.deepEqual(spreading.behind, ['report-1'])
  assert.equal(spreading.roots.length, 2)
  await second.close()
  // patience is over while it was away
  const third = await startControl(t, at, [], { rotationPatience: 0 })
  const renewing = await until(
    'it moves',
    () => authority(third),
    ({ step }) => step === 'renewing',
  )
  await third.close()
  const fourth = await startControl(t, at, [])
  assert.deepEqual(
    (await authority(fourth)).roots.map(({ fingerprint }) => fingerprint),
    renewing.roots.map(({ fingerprint }) => fingerprint),
  )
  assert.equal((await authority(fourth)).step, 'renewing')
  assert.equal((await certify(fourth, 'report')).issued.issuer, renewing.roots[0]!.fingerprint)
})

test('upstreams name whom the far end must prove to be, unless their hop is clear text', { timeout }, async t => {
  const at = place(t)
  at.write(`
mesh: demo
intentions: { default: allow }
services:
  strict: { mtls: strict }
  permissive: { mtls: permissive }
  off: { mtls: "off" }
  outside: { endpoints: [10.0.0.1:80] }
`)
  const control = await startControl(t, at, [], { dc: 'berlin' })
  const query = new URLSearchParams({
    service: 'strict',
    version: 'v1',
    instance: 's-1',
    kind: 'sidecar',
    address: '127.0.0.1:20000',
  })
  const stream = await follow<{ sections?: Record<string, { value: Record<string, unknown> }> }>(
    t,
    `${control.base}/v1/snapshots?${query}`,
  )
  const { sections } = await stream.until(line => line.sections !== undefined)
  const peer = (name: string) => sections![`upstream/${name}`]!.value['peerSpiffeId']
  assert.equal(peer('strict'), 'spiffe://demo.mesh/ns/default/dc/berlin/svc/strict')
  assert.equal(peer('permissive'), 'spiffe://demo.mesh/ns/default/dc/berlin/svc/permissive')
  assert.equal(peer('off'), undefined)
  assert.equal(peer('outside'), undefined)
  assert.equal(sections!['identity']!.value['spiffeId'], 'spiffe://demo.mesh/ns/default/dc/berlin/svc/strict')
})
