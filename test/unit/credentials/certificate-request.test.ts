import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { checkCsr } from '../../../control/identity/csr.ts'
import { certificateRequest } from '../../../credentials/certificate-request.ts'
import { newKey } from '../../../credentials/key-pair.ts'
import { Pkcs10CertificateRequest } from '../../../runtime/x509.ts'

test('a request is taken by the authority, for the key that it was made with', async () => {
  const { keyPem, csrPem } = await newKey()

  const checked = await checkCsr(csrPem)

  const expected = createPublicKey(createPrivateKey(keyPem)).export({ format: 'der', type: 'spki' })
  assert.deepEqual(checked, { status: 'ok', publicKey: expected })
})

test('a request says no names and no attributes', async () => {
  const request = new Pkcs10CertificateRequest((await newKey()).csrPem)

  assert.equal(request.subject, '')
  assert.equal(request.attributes.length, 0)
})

test('every request holds, however long its signature and its key are', async () => {
  const lengths = new Set<number>()
  for (const namedCurve of ['P-256', 'P-384'])
    for (let i = 0; i < 40; i++) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve })

      const csr = certificateRequest(publicKey, privateKey)

      assert.equal((await checkCsr(csr)).status, 'ok')
      lengths.add(csr.length)
    }
  // A signature is two numbers, shorter when they begin with zeros; P-384 needs lengths of two bytes.
  assert.ok(lengths.size >= 3, [...lengths].join(' '))
})

test('a request with the key of somebody else is refused: it is no proof', async () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

  const checked = await checkCsr(certificateRequest(publicKey, privateKey))

  assert.ok(checked.status === 'refused' && checked.why === 'bad-signature')
})
