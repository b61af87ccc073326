import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeProtectedHeader, UnsecuredJWT } from 'jose'
import { spiffeIdOf } from '../../../protocol/identity.ts'
import { checkProof, proveByCertificate } from '../../../runtime/certificate-proof.ts'
import { testAuthority } from '../../support/certificates.ts'

const now = Date.UTC(2026, 10, 29, 12)
const spiffeId = spiffeIdOf({ trustDomain: 'demo.mesh', dc: 'dc1' }, 'report')
const authority = await testAuthority('demo.mesh', now)
const { chain: chainPem, key: keyPem } = await authority.certify({ spiffeId })
const signer = { chainPem, keyPem }
const proof = await proveByCertificate(signer, 'collector', now)

test('a proof by a certificate of a trusted root is one, for its audience, and names the leaf', async () => {
  const checked = await checkProof(proof, 'collector', [authority.root], now + 1000)
  assert.ok(checked.status === 'proven')
  assert.equal(checked.leaf.subjectAltName, `URI:${spiffeId}`)
})

test('a proof for somebody else, or an old one, or one from the future, proves nothing', async () => {
  for (const [audience, atMs] of [
    ['control', now],
    ['collector', now + 180_000],
    ['collector', now - 180_000],
  ] as const) {
    const checked = await checkProof(proof, audience, [authority.root], atMs)
    assert.ok(checked.status === 'refused' && checked.why === 'invalid', `${audience} ${atMs}`)
  }
})

test('a chain that leads to another root is untrusted, also when that root has the same name', async () => {
  const other = await testAuthority('demo.mesh', now)
  const checked = await checkProof(proof, 'collector', [other.root], now)
  assert.deepEqual(checked.status === 'refused' && checked.why, 'untrusted')
})

test('an expired certificate proves nothing, though its proof is new', async () => {
  const short = await authority.certify({ spiffeId }, { lifetimeMs: 10_000 })
  const late = now + 30_000
  const made = await proveByCertificate({ chainPem: short.chain, keyPem: short.key }, 'collector', late)
  const checked = await checkProof(made, 'collector', [authority.root], late)
  assert.deepEqual(checked.status === 'refused' && checked.why, 'untrusted')
})

test('the certificate of one with the key of another proves nothing', async () => {
  const other = await authority.certify({ spiffeId: spiffeIdOf({ trustDomain: 'demo.mesh', dc: 'dc1' }, 'expense') })
  const feigned = await proveByCertificate({ chainPem, keyPem: other.key }, 'collector', now)
  const checked = await checkProof(feigned, 'collector', [authority.root], now)
  assert.deepEqual(checked.status === 'refused' && checked.why, 'invalid')
})

test('a leaf certifies nobody', async () => {
  // What the leaf signs is a proof of its own, whatever stands before it in the chain.
  const stranger = await testAuthority('demo.mesh', now)
  const forged = await stranger.certify({ spiffeId })
  const made = await proveByCertificate({ chainPem: forged.chain + chainPem, keyPem: forged.key }, 'collector', now)
  const checked = await checkProof(made, 'collector', [authority.root], now)
  assert.deepEqual(checked.status === 'refused' && checked.why, 'untrusted')
})

test('no algorithm, no chain, and nonsense are refused with a reason, never thrown', async () => {
  const header = decodeProtectedHeader(proof)
  const none = new UnsecuredJWT({})
    .setAudience('collector')
    .setIssuedAt(now / 1000)
    .setExpirationTime(now / 1000 + 60)
  const bare = proof.split('.')
  const withoutChain = Buffer.from(JSON.stringify({ ...header, x5c: undefined })).toString('base64url')
  for (const bad of [none.encode(), [withoutChain, bare[1], bare[2]].join('.'), 'a.b.c', '', 'x'.repeat(100_000)]) {
    const checked = await checkProof(bad, 'collector', [authority.root], now)
    assert.ok(checked.status === 'refused' && checked.reason.length > 0, bad.slice(0, 60))
  }
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.nat(proof.lastIndexOf('.')),
      async (text, at) => {
        const changed = proof.slice(0, at) + text + proof.slice(at + text.length)
        if (changed === proof) return
        const checked = await checkProof(changed, 'collector', [authority.root], now)
        assert.equal(checked.status, 'refused')
      },
    ),
    { numRuns: 200 },
  )
})
