import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkCsr } from '../../../../control/identity/csr.ts'
import { askForCertificate } from '../../../support/certificates.ts'

const why = async (csr: string) => {
  const checked = await checkCsr(csr)
  return checked.status === 'refused' ? checked.why : 'ok'
}
const der = (csr: string) => Buffer.from(csr.replace(/-----[^-]+-----/g, ''), 'base64')
const pem = (bytes: Buffer) =>
  `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`

test('a request with a good key is taken for its key, whatever names it asks for', async () => {
  for (const kind of ['p256', 'p384', 'ed25519', 'rsa2048'] as const) {
    const { csr, publicKey } = await askForCertificate(kind)
    const checked = await checkCsr(csr)
    assert.equal(checked.status, 'ok', kind)
    assert.ok(checked.status === 'ok' && checked.publicKey.equals(publicKey), kind)
  }
})

test('weak keys, unknown curves and broken hashes are refused, each with its reason', async () => {
  assert.equal(await why((await askForCertificate('rsa1024')).csr), 'weak-key')
  assert.equal(await why((await askForCertificate('p521')).csr), 'weak-key')
  assert.equal(await why((await askForCertificate('sha1')).csr), 'bad-signature')
  const checked = await checkCsr((await askForCertificate('rsa1024')).csr)
  assert.ok(checked.status === 'refused')
  assert.equal(checked.reason, 'its RSA key has 1024 bits: 2048 to 8192 are taken')
})

test('a request that was signed with another key is refused', async () => {
  const asked = await askForCertificate()
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'der', type: 'spki' })
  const bytes = der(asked.csr)
  const at = bytes.indexOf(asked.publicKey)
  assert.ok(at > 0)
  other.copy(bytes, at)
  assert.equal(await why(pem(bytes)), 'bad-signature')
})

test('what is no request, several, or far too large is refused without a throw', async () => {
  const { csr } = await askForCertificate()
  assert.equal(await why(''), 'unreadable')
  assert.equal(await why('hello'), 'unreadable')
  assert.equal(await why(csr + csr), 'unreadable')
  assert.equal(await why(`${csr}x`), 'unreadable')
  assert.equal(await why(csr.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE')), 'unreadable')
  assert.equal(await why(pem(Buffer.alloc(200))), 'unreadable')
  assert.equal(await why(pem(Buffer.alloc(20_000))), 'too-large')
})

test('no change of a single byte makes a request pass with another key, and none throws', async () => {
  const { csr, publicKey } = await askForCertificate()
  const bytes = der(csr)
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const changed = Buffer.from(bytes)
      changed[at]! ^= flip
      const checked = await checkCsr(pem(changed))
      if (checked.status === 'ok') assert.ok(checked.publicKey.equals(publicKey))
    }),
    { numRuns: 300 },
  )
})

test('random bytes in PEM are refused, never thrown over', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async bytes => {
      assert.notEqual(await why(pem(Buffer.from(bytes))), 'ok')
    }),
    { numRuns: 200 },
  )
})
