import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proofToUse } from '../../../credentials/proof.ts'

const valid = { hasCertificate: true, expired: false, hasToken: true, failed: undefined }

test('the first certificate is asked for by token, later ones by certificate', () => {
  assert.equal(proofToUse({ ...valid, hasCertificate: false }), 'token')
  assert.equal(proofToUse(valid), 'certificate')
  assert.equal(proofToUse({ ...valid, hasCertificate: false, hasToken: false }), 'none')
})

test('while control is away a valid certificate stays the proof: no token is used up', () => {
  assert.equal(proofToUse({ ...valid, failed: { by: 'certificate', refused: false } }), 'certificate')
})

test('a certificate that is refused, or has expired and fails, takes turns with the token', () => {
  assert.equal(proofToUse({ ...valid, failed: { by: 'certificate', refused: true } }), 'token')
  assert.equal(proofToUse({ ...valid, expired: true }), 'certificate')
  assert.equal(proofToUse({ ...valid, expired: true, failed: { by: 'certificate', refused: false } }), 'token')
  assert.equal(proofToUse({ ...valid, expired: true, failed: { by: 'token', refused: true } }), 'certificate')
  assert.equal(
    proofToUse({ ...valid, expired: true, hasToken: false, failed: { by: 'certificate', refused: true } }),
    'certificate',
  )
})
