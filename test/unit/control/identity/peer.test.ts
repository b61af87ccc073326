import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { failureLimit, isLoopback, peerKey } from '../../../../control/identity/failure-limit.ts'
import { judgePeer } from '../../../../control/identity/peer.ts'
import { COLLECTOR } from '../../../../protocol/identity.ts'
import type { PeerFacts } from '../../../../runtime/peer-certificate.ts'
import { testAuthority } from '../../../support/certificates.ts'

const home = { trustDomain: 'demo.mesh', dc: 'dc1' }
const reportId = 'spiffe://demo.mesh/ns/default/dc/dc1/svc/report'
const nowMs = Date.parse('2026-05-05T12:00:00Z')

async function shown(names: Parameters<Awaited<ReturnType<typeof testAuthority>>['certify']>[0]): Promise<PeerFacts> {
  const authority = await testAuthority('demo.mesh', nowMs)
  return { certificate: new X509Certificate((await authority.certify(names)).chain), chain: { holds: true } }
}

const why = (facts: PeerFacts, atMs = nowMs) => {
  const peer = judgePeer(facts, atMs, home)
  return peer.status === 'refused' ? peer.why : peer.status
}

test('a certificate proves its service while it is valid, by the clock of now', async () => {
  const facts = await shown({ spiffeId: reportId })
  const peer = judgePeer(facts, nowMs, home)
  assert.ok(peer.status === 'proved')
  assert.equal(peer.service, 'report')
  assert.equal(peer.serial, facts.certificate.serialNumber.toLowerCase())
  assert.equal(why(facts, nowMs + 3_600_000), 'expired')
  assert.equal(why(facts, nowMs - 120_000), 'not-yet-valid')
  assert.equal(judgePeer(undefined, nowMs, home).status, 'none')
})

test('a collector is known by its id, also beside the hosts that its certificate names for applications', async () => {
  const id = 'spiffe://demo.mesh/collector'
  for (const hosts of [{}, { dns: ['localhost', 'collector'], ips: ['127.0.0.1', '::1'] }]) {
    const peer = judgePeer(await shown({ spiffeId: id, ...hosts }), nowMs, home)
    assert.equal(peer.status === 'proved' && peer.service, COLLECTOR)
  }
  assert.equal(why(await shown({ spiffeId: 'spiffe://other.mesh/collector' })), 'foreign-mesh')
})

test('a chain that does not hold, a foreign mesh, no name, two names and a CA are refused', async () => {
  const facts = await shown({ spiffeId: reportId })
  assert.equal(why({ ...facts, chain: { holds: false, problem: 'SELF_SIGNED_CERT_IN_CHAIN' } }), 'untrusted')
  assert.equal(why(await shown({ spiffeId: 'spiffe://other.mesh/ns/default/dc/dc1/svc/report' })), 'foreign-mesh')
  assert.equal(why(await shown({ spiffeId: 'spiffe://demo.mesh/ns/default/dc/dc2/svc/report' })), 'foreign-mesh')
  assert.equal(why(await shown({ spiffeId: 'spiffe://demo.mesh/control' })), 'no-identity')
  assert.equal(why(await shown({ spiffeId: reportId, dns: ['localhost'] })), 'no-identity')
  const { root } = await testAuthority('demo.mesh', nowMs)
  assert.equal(why({ certificate: new X509Certificate(root), chain: { holds: true } }), 'no-identity')
  const named = (subjectAltName: string) =>
    why({
      ...facts,
      certificate: {
        ...facts.certificate,
        ca: false,
        subjectAltName,
        serialNumber: '1',
        validFromDate: new Date(0),
        validToDate: new Date(nowMs + 1),
      },
    })
  assert.equal(named(`URI:${reportId}`), 'proved')
  assert.equal(named(`URI:${reportId}, URI:spiffe://demo.mesh/ns/default/dc/dc1/svc/expense`), 'no-identity')
  assert.equal(named(`DNS:"URI:${reportId}"`), 'no-identity')
})

test('a burst of failures is forgiven, a stream of them is not, and time forgives', () => {
  const limit = failureLimit({ failuresMax: 3, forgiveEveryMs: 1000, addressesMax: 10 })
  const fail = (times: number, atMs: number) => {
    for (let time = 0; time < times; time++) limit.failed('a', atMs)
  }
  fail(2, 0)
  assert.equal(limit.waitMs('a', 0), 0)
  fail(1, 0)
  assert.equal(limit.waitMs('a', 0), 1000)
  assert.equal(limit.waitMs('b', 0), 0)
  assert.equal(limit.waitMs('a', 1000), 0)
  fail(50, 1000)
  assert.equal(limit.waitMs('a', 1000), 1000)
})

test('addresses that failed are bounded: the one that was quiet longest is forgotten', () => {
  const limit = failureLimit({ failuresMax: 1, forgiveEveryMs: 1000, addressesMax: 100 })
  for (let at = 0; at < 1000; at++) limit.failed(`address-${at}`, 0)
  assert.equal(limit.size, 100)
  assert.equal(limit.waitMs('address-0', 0), 0)
  assert.ok(limit.waitMs('address-999', 0) > 0)
})

test('an IPv6 machine counts by its /64, an IPv4 one by its address, however written', () => {
  assert.equal(peerKey('2001:db8:1:2:3:4:5:6'), peerKey('2001:DB8:1:2::9'))
  assert.notEqual(peerKey('2001:db8:1:2::1'), peerKey('2001:db8:1:3::1'))
  assert.equal(peerKey('::ffff:10.0.0.7'), '10.0.0.7')
  assert.equal(peerKey('fe80::1%eth0'), peerKey('fe80::2'))
  assert.equal(peerKey(undefined), 'unknown')
  fc.assert(fc.property(fc.ipV6(), address => assert.match(peerKey(address), /^[0-9a-f:.]+(\/64)?$/)))
})

test('loopback is loopback in each family, and nothing else is', () => {
  for (const address of ['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopback(address), address)
  for (const address of ['10.0.0.1', '::2', '127.0.0.1.evil.example', '128.0.0.1', '', undefined])
    assert.ok(!isLoopback(address), String(address))
})

test('an expired certificate is still good for its renewal, for a while, when what signed it is known to be ours', async () => {
  const facts = await shown({ spiffeId: reportId })
  const expired = { ...facts, chain: { holds: false as const, problem: 'CERT_HAS_EXPIRED' } }
  const endMs = nowMs + 3_600_000
  const at = (atMs: number, issuedHere: boolean) => judgePeer(expired, atMs, home, { ms: 10_000, issuedHere }).status
  assert.equal(at(endMs, true), 'proved')
  assert.equal(at(endMs + 9_999, true), 'proved')
  assert.equal(at(endMs + 10_000, true), 'refused')
  assert.equal(at(endMs, false), 'refused')
  // before its end the chain must hold as ever
  assert.equal(at(endMs - 1, true), 'refused')
})
