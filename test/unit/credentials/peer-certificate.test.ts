import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { judgePeer, uriNames } from '../../../credentials/peer-certificate.ts'
import { badCertificates } from '../../support/bad-certificates.ts'
import { testAuthority } from '../../support/certificates.ts'

const ID = 'spiffe://demo.mesh/ns/default/dc/dc1/svc/expense'

test('a certificate of a service of the trust domain says who it is', async () => {
  const { chain } = await (await testAuthority()).certify({ spiffeId: ID })

  const verdict = judgePeer(new X509Certificate(chain), 'demo.mesh', Date.now())

  assert.deepEqual(verdict, { status: 'ok', spiffeId: ID, service: 'expense' })
})

test('names beside the one URI do no harm', async () => {
  const { chain } = await (await testAuthority()).certify({
    spiffeId: ID,
    dns: ['expense.demo.mesh'],
    ips: ['10.0.0.1'],
  })

  assert.equal(judgePeer(new X509Certificate(chain), 'demo.mesh', Date.now()).status, 'ok')
})

test('each fault of a leaf is told by its word', async () => {
  const chainFaults = ['unknown_issuer', 'self_signed'] // for TLS to see: a leaf alone does not show them
  for (const [what, { fault, shown }] of Object.entries(await badCertificates(await testAuthority(), ID))) {
    if (chainFaults.includes(fault)) continue
    const verdict = judgePeer(new X509Certificate((await shown()).chain), 'demo.mesh', Date.now())
    assert.equal(verdict.status === 'refused' ? verdict.fault : 'ok', fault, what)
  }
})

test('a certificate that was good when a session began is refused once it has ended', async () => {
  const { chain } = await (await testAuthority()).certify({ spiffeId: ID }, { lifetimeMs: 60_000 })
  const certificate = new X509Certificate(chain)
  const endMs = certificate.validToDate.getTime()

  assert.equal(judgePeer(certificate, 'demo.mesh', endMs).status, 'ok')
  const late = judgePeer(certificate, 'demo.mesh', endMs + 1)
  assert.equal(late.status === 'refused' && late.fault, 'expired')
})

test('only URIs are read out of the names, in their order', () => {
  assert.deepEqual(uriNames(undefined), [])
  assert.deepEqual(uriNames('DNS:a, IP Address:10.0.0.1'), [])
  assert.deepEqual(uriNames(`DNS:a, URI:${ID}, URI:spiffe://b/c`), [ID, 'spiffe://b/c'])
})

test('no name that feigns another entry is read as one: Node quotes such names', () => {
  const quoted = fc.string().map(text => JSON.stringify(`${text}, URI:${ID}`))
  fc.assert(fc.property(quoted, text => assert.deepEqual(uriNames(`DNS:${text}`), [])))
})
