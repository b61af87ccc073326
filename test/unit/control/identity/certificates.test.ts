import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect, createServer } from 'node:tls'
import fc from 'fast-check'
import { fingerprintOf, issueLeaf, pinOf, serialNumber } from '../../../../control/identity/certificates.ts'
import { keyKinds, testAuthority } from '../../../support/certificates.ts'

const spiffeId = 'spiffe://demo.mesh/ns/default/dc/dc1/svc/report'
const nowMs = Date.parse('2026-05-05T12:00:00.700Z')

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'])
    return true
  } catch {
    return false
  }
}

test('openssl, asked strictly, follows the chain of every kind of key, and reads what we say stands in it', {
  skip: !hasOpenssl(),
}, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'trimtab-openssl-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const authority = await testAuthority()
  writeFileSync(join(folder, 'root.pem'), authority.root)
  for (const kind of ['p256', 'p384', 'ed25519', 'rsa2048'] as const) {
    const { chain } = await authority.certify({ spiffeId }, { kind })
    writeFileSync(join(folder, 'leaf.pem'), chain)
    for (const purpose of ['sslserver', 'sslclient'])
      execFileSync('openssl', ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', 'root.pem', 'leaf.pem'], {
        cwd: folder,
      })
    const text = execFileSync('openssl', ['x509', '-noout', '-text', '-in', 'leaf.pem'], {
      cwd: folder,
      encoding: 'utf8',
    })
    for (const part of [
      'CA:FALSE',
      'Digital Signature\n',
      'TLS Web Server Authentication, TLS Web Client Authentication',
      `X509v3 Subject Alternative Name: critical\n                URI:${spiffeId}\n`,
    ])
      assert.ok(text.includes(part), `${kind}: ${part} in ${text}`)
    assert.ok(!text.includes('somebody-else'), 'names in a request count for nothing')
  }
})

test('every kind of key that is certified can be spoken TLS with', async t => {
  const authority = await testAuthority()
  for (const kind of Object.keys(keyKinds) as (keyof typeof keyKinds)[]) {
    if (['p521', 'sha1', 'rsa1024'].includes(kind)) continue
    // arrange
    const { chain, key } = await authority.certify({ spiffeId }, { kind })
    const server = createServer({ cert: chain, key, ca: authority.root, requestCert: true, rejectUnauthorized: true })
    server.listen(0, '127.0.0.1')
    t.after(() => server.close())
    await once(server, 'listening')
    // act
    const { port } = server.address() as AddressInfo
    const client = connect({
      port,
      host: '127.0.0.1',
      cert: chain,
      key,
      ca: authority.root,
      checkServerIdentity: () => undefined,
    })
    const [accepted] = (await once(server, 'secureConnection')) as [{ authorized: boolean; end(): void }]
    // assert
    assert.ok(client.authorized, `${kind}: ${client.authorizationError}`)
    assert.ok(accepted.authorized, kind)
    client.destroy()
    accepted.end()
  }
})

test('a leaf begins a little early, and most of its life lies ahead even when it is short', async () => {
  const authority = await testAuthority('demo.mesh', nowMs)
  const hour = new X509Certificate((await authority.certify({ spiffeId })).chain)
  assert.equal(hour.validFromDate.toISOString(), '2026-05-05T11:59:00.000Z')
  assert.equal(hour.validToDate.toISOString(), '2026-05-05T13:00:00.000Z')
  const short = new X509Certificate((await authority.certify({ spiffeId }, { lifetimeMs: 20_000 })).chain)
  assert.equal(short.validFromDate.toISOString(), '2026-05-05T11:59:58.000Z')
  assert.equal(short.validToDate.toISOString(), '2026-05-05T12:00:20.000Z')
})

test('no leaf outlives its issuer, and an issuer that is not valid now signs nothing', async () => {
  const authority = await testAuthority('demo.mesh', nowMs)
  const endMs = nowMs + 10 * 365 * 86_400_000
  const last = new X509Certificate((await authority.certify({ spiffeId }, { nowMs: endMs - 5000 })).chain)
  assert.equal(last.validTo, new X509Certificate(authority.root).validTo)
  await assert.rejects(authority.certify({ spiffeId }, { nowMs: endMs + 1000 }), /is not valid now/)
  await assert.rejects(authority.certify({ spiffeId }, { nowMs: nowMs - 2 * 3_600_000 }), /is not valid now/)
})

test('the same order, at the same time, with the same number, is the same certificate but for its signature', async () => {
  const authority = await testAuthority('demo.mesh', nowMs)
  const publicKey = new X509Certificate((await authority.certify({ spiffeId })).chain).publicKey.export({
    format: 'der',
    type: 'spki',
  })
  const order = { names: { spiffeId }, publicKey, nowMs, lifetimeMs: 60_000, serial: serialNumber(Buffer.alloc(16, 7)) }
  const [one, other] = [await issueLeaf(authority, order), await issueLeaf(authority, order)]
  assert.deepEqual({ ...one, chain: '' }, { ...other, chain: '' })
  const facts = (pem: string) => {
    const {
      subjectAltName,
      serialNumber: serial,
      validFrom,
      validTo,
      issuer,
      publicKey: key,
    } = new X509Certificate(pem)
    return { subjectAltName, serial, validFrom, validTo, issuer, key: key.export({ format: 'der', type: 'spki' }) }
  }
  assert.deepEqual(facts(one.chain), facts(other.chain))
})

test('serial numbers are positive and keep their length, whatever the randomness', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), bytes => {
      const serial = serialNumber(Buffer.from(bytes))
      assert.match(serial, /^[4-7][0-9a-f]{31}$/)
    }),
  )
})

test('pin and fingerprint are the same digest of the certificate, written differently', async () => {
  const { root, fingerprint } = await testAuthority()
  assert.equal(fingerprintOf(root), fingerprint)
  assert.equal(Buffer.from(pinOf(root), 'base64url').toString('hex'), fingerprint)
  assert.equal(new X509Certificate(root).fingerprint256.replaceAll(':', '').toLowerCase(), fingerprint)
})
