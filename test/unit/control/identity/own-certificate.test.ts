import assert from 'node:assert/strict'
import { randomBytes, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import type { Authorities, Locked } from '../../../../control/identity/authorities.ts'
import { issueLeaf, serialNumber } from '../../../../control/identity/certificates.ts'
import { ownCertificate } from '../../../../control/identity/own-certificate.ts'
import { testAuthority } from '../../../support/certificates.ts'
import { manualClock } from '../../../support/manual-clock.ts'

const HOUR_MS = 3_600_000

async function arrange() {
  let wallMs = Date.parse('2026-05-05T12:00:00Z')
  const authority = await testAuthority('demo.mesh', wallMs)
  let trustDomain = 'demo.mesh'
  let locked: Locked | undefined
  const told: string[] = []
  const given: string[] = []
  const issuing = () => locked ?? ({ status: 'ready', authority } as const)
  const authorities: Authorities = {
    kind: 'built-in',
    rotation: { step: 'steady', root: authority.fingerprint },
    issuing,
    issuingOwn: issuing,
    trusted: () => [{ fingerprint: authority.fingerprint, certificate: authority.root }],
    begin: () => assert.fail(),
    spread: () => {},
    look: () => assert.fail(),
    reset: () => assert.fail(),
  }
  const own = ownCertificate({
    authorities,
    clock: { ...manualClock(), wall: () => wallMs },
    sign: (names, publicKey, by) =>
      issueLeaf(by, { names, publicKey, nowMs: wallMs, lifetimeMs: HOUR_MS, serial: serialNumber(randomBytes(16)) }),
    trustDomain: () => trustDomain,
    hosts: { dns: ['localhost'], ips: ['127.0.0.1', '::1'] },
    lifetimeMs: HOUR_MS,
    onTls: tls => void given.push(tls.cert),
    events: {
      locked: reason => void told.push(reason),
      ownCertificate: () => {},
      ownCertificateFailed: reason => void told.push(reason),
    },
  })
  await own.look()
  const lookAt = async (ms: number) => {
    wallMs += ms
    await own.look()
    return given.length
  }
  return {
    own,
    given,
    told,
    lookAt,
    rename: (name: string) => {
      trustDomain = name
    },
    lock: (by: Locked | undefined) => {
      locked = by
    },
  }
}

test('it names control, and the hosts that people ask by, and is renewed at half of its life', async () => {
  const { own, lookAt } = await arrange()
  const { subjectAltName } = new X509Certificate(own.tls!.cert)
  assert.equal(
    subjectAltName,
    'URI:spiffe://demo.mesh/control, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  )
  assert.equal(await lookAt(HOUR_MS / 2 - 1), 1)
  assert.equal(await lookAt(1), 2)
  assert.equal(await lookAt(1000), 2)
})

test('a clock that jumps, forward or back, leaves no certificate that is not valid now', async () => {
  const { own, lookAt } = await arrange()
  assert.equal(await lookAt(30 * 86_400_000), 2)
  // back by more than it lasts, but not before the root was made
  assert.equal(await lookAt(-29 * 86_400_000), 3)
  const { validFromDate, validToDate } = new X509Certificate(own.tls!.cert)
  const nowMs = Date.parse('2026-05-06T12:00:00Z')
  assert.ok(validFromDate.getTime() <= nowMs && nowMs < validToDate.getTime())
})

test('another trust domain gives it another name at once', async () => {
  const { own, lookAt, rename } = await arrange()
  rename('other.mesh')
  assert.equal(await lookAt(0), 2)
  assert.match(new X509Certificate(own.tls!.cert).subjectAltName!, /^URI:spiffe:\/\/other\.mesh\/control/)
})

test('an authority that is locked is told of once, and the certificate before stays as long as it lasts', async () => {
  const { own, given, told, lookAt, lock } = await arrange()
  lock({ status: 'locked', reason: 'the key is gone', hint: 'restore it' })
  await lookAt(HOUR_MS / 2)
  await lookAt(1000)
  assert.deepEqual(told, ['the key is gone'])
  assert.ok(own.tls)
  lock(undefined)
  await lookAt(1000)
  assert.equal(given.length, 2)
})
