import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { credentialsOf, type Issued } from '../../../credentials/credentials.ts'
import { whyNotOurs } from '../../../credentials/issued.ts'
import { type TestAuthority, testAuthority } from '../../support/certificates.ts'

const ID = 'spiffe://demo.mesh/ns/default/dc/dc1/svc/expense'

async function issuedBy(authority: TestAuthority, roots = [authority.root]): Promise<Issued> {
  const { chain, key } = await authority.certify({ spiffeId: ID })
  const leaf = new X509Certificate(chain)
  return {
    spiffeId: ID,
    chain,
    roots,
    issuer: authority.fingerprint,
    notBefore: leaf.validFromDate.toISOString(),
    notAfter: leaf.validToDate.toISOString(),
    keyPem: key,
    trustDomain: 'demo.mesh',
    dc: 'dc1',
    receivedMs: Date.now(),
  }
}

test('the private key is in no JSON, no spread and no inspection of the credentials', async () => {
  const { inspect } = await import('node:util')
  const credentials = credentialsOf(await issuedBy(await testAuthority()), 'TLSv1.3', undefined)

  assert.match(credentials.keyPem, /PRIVATE KEY/)
  for (const shown of [
    JSON.stringify(credentials),
    JSON.stringify({ ...credentials }),
    inspect(credentials, { depth: 9 }),
  ])
    assert.doesNotMatch(shown, /PRIVATE KEY/)
})

test('sessions can be taken up again over a renewal, and not once a root is no longer trusted', async () => {
  const [old, next] = [await testAuthority(), await testAuthority()]
  const first = credentialsOf(await issuedBy(old), 'TLSv1.3', undefined)
  const renewed = credentialsOf(await issuedBy(old), 'TLSv1.3', first)
  const both = credentialsOf(await issuedBy(next, [old.root, next.root]), 'TLSv1.3', renewed)
  const retired = credentialsOf(await issuedBy(next), 'TLSv1.3', both)

  assert.deepEqual(renewed.server.ticketKeys, first.server.ticketKeys)
  assert.deepEqual(both.server.ticketKeys, first.server.ticketKeys)
  assert.notDeepEqual(retired.server.ticketKeys, first.server.ticketKeys)
})

test('an answer that is not for this proxy is not taken', async () => {
  const authority = await testAuthority()
  const issued = await issuedBy(authority)
  const other = await issuedBy(authority)

  assert.equal(whyNotOurs(issued, issued.keyPem, 'expense'), undefined)
  assert.match(whyNotOurs(issued, other.keyPem, 'expense')!, /not for the key/)
  assert.match(whyNotOurs(issued, issued.keyPem, 'report')!, /this proxy is of service report/)
  assert.match(
    whyNotOurs({ ...issued, spiffeId: ID.replace('expense', 'report') }, issued.keyPem, 'report')!,
    /another SPIFFE id/,
  )
  assert.match(whyNotOurs({ ...issued, roots: [] }, issued.keyPem, 'expense')!, /no root/)
  assert.match(whyNotOurs({ ...issued, roots: ['rubbish'] }, issued.keyPem, 'expense')!, /cannot be read/)
  assert.match(
    whyNotOurs({ ...issued, notAfter: '2999-01-01T00:00:00.000Z' }, issued.keyPem, 'expense')!,
    /another time/,
  )
})
