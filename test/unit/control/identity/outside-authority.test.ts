import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { issueLeaf, serialNumber } from '../../../../control/identity/certificates.ts'
import { type OutsideFiles, outsideAuthority, readOutside } from '../../../../control/identity/outside-authority.ts'
import { askForCertificate, testAuthority } from '../../../support/certificates.ts'

/** An authority as others make one: with openssl. */
function foreignAuthority(t: TestContext, { key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'trimtab-outside-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  writeFileSync(
    join(folder, 'ca.ext'),
    'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n',
  )
  writeFileSync(join(folder, 'leaf.ext'), 'basicConstraints=critical,CA:FALSE\n')
  openssl(
    'req',
    '-x509',
    ...key,
    '-nodes',
    '-keyout',
    'root.key',
    '-out',
    'root.pem',
    '-subj',
    '/CN=Corp root',
    '-days',
    '30',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  )
  const sign = (name: string, ext: string, days = '20') => {
    openssl('req', '-new', ...key, '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'root.pem',
      '-CAkey',
      'root.key',
      '-CAcreateserial',
      '-days',
      days,
      '-extfile',
      ext,
      '-out',
      `${name}.pem`,
    )
  }
  sign('intermediate', 'ca.ext')
  const text = (name: string) => readFileSync(join(folder, name), 'utf8')
  const files: OutsideFiles = {
    certificate: text('intermediate.pem'),
    privateKey: text('intermediate.key'),
    roots: text('root.pem'),
  }
  return { folder, openssl, sign, text, files }
}

const reasonOf = (files: OutsideFiles, nowMs = Date.now()) => {
  const read = readOutside(files, nowMs)
  return read.status === 'refused' ? read.reason : 'ok'
}

for (const [kind, key] of [
  ['EC', undefined],
  ['RSA', ['-newkey', 'rsa:2048']],
] as const)
  test(`an intermediate from outside (${kind}) issues certificates whose chain openssl follows to the root`, async t => {
    const { folder, openssl, files } = foreignAuthority(t, key ? { key: [...key] } : {})
    const read = readOutside(files, Date.now())
    assert.ok(read.status === 'ok', JSON.stringify(read))
    const issuing = outsideAuthority(read).issuing(Date.now())
    assert.ok(issuing.status === 'ready')
    const { publicKey } = await askForCertificate()
    const spiffeId = 'spiffe://demo.mesh/ns/default/dc/dc1/svc/report'
    const leaf = await issueLeaf(issuing.authority, {
      names: { spiffeId },
      publicKey,
      nowMs: Date.now(),
      lifetimeMs: 60_000,
      serial: serialNumber(Buffer.alloc(16, 5)),
    })
    writeFileSync(join(folder, 'chain.pem'), leaf.chain)
    openssl('verify', '-x509_strict', '-CAfile', 'root.pem', '-untrusted', 'chain.pem', 'chain.pem')
    assert.equal(leaf.chain.match(/BEGIN CERTIFICATE/g)?.length, 2)
    assert.equal(
      issuing.authority.fingerprint,
      new X509Certificate(files.roots!).fingerprint256.replaceAll(':', '').toLowerCase(),
    )
  })

test('a root that signs by itself needs no root file, and sends no chain', async t => {
  const { text } = foreignAuthority(t)
  const read = readOutside({ certificate: text('root.pem'), privateKey: text('root.key') }, Date.now())
  assert.ok(read.status === 'ok')
  assert.deepEqual(read.authority.intermediates, [])
})

test('several roots are trusted while one takes over, the one that leads first', async t => {
  const { files } = foreignAuthority(t)
  const other = await testAuthority()
  const read = readOutside({ ...files, roots: other.root + files.roots }, Date.now())
  assert.ok(read.status === 'ok')
  assert.equal(read.roots.length, 2)
  assert.equal(read.roots[1], other.root)
})

test('what does not fit is refused with its reason', async t => {
  const { files, sign, text } = foreignAuthority(t)
  sign('leaf', 'leaf.ext')
  assert.match(
    reasonOf({ ...files, certificate: text('leaf.pem'), privateKey: text('leaf.key') }),
    /is no CA certificate/,
  )
  assert.match(reasonOf({ ...files, privateKey: text('root.key') }), /the private key does not belong/)
  assert.match(
    reasonOf({ ...files, roots: (await testAuthority()).root }),
    /nothing leads from CN=intermediate to a root/,
  )
  assert.match(
    reasonOf({
      ...files,
      certificate: files.certificate + (await testAuthority()).root,
      roots: (await testAuthority()).root,
    }),
    /was not issued by the certificate that follows it/,
  )
  assert.match(reasonOf(files, Date.now() + 25 * 86_400_000), /CN=intermediate expired at/)
  assert.match(reasonOf(files, Date.now() - 86_400_000), /is not valid before/)
  assert.match(reasonOf({ ...files, certificate: 'nonsense' }), /holds no readable PEM/)
  assert.match(reasonOf({ ...files, privateKey: 'nonsense' }), /private key cannot be read/)
  const ed = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
  assert.match(reasonOf({ ...files, privateKey: ed }), /does not belong/)
})

test('an authority from outside that has expired signs nothing and says so', t => {
  const { files } = foreignAuthority(t)
  const read = readOutside(files, Date.now())
  assert.ok(read.status === 'ok')
  const issuing = outsideAuthority(read).issuing(Date.now() + 25 * 86_400_000)
  assert.ok(issuing.status === 'locked')
  assert.match(issuing.reason, /expired at/)
})
