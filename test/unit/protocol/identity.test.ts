import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { COLLECTOR, memberOfSpiffeId, memberSpiffeId, serviceOfSpiffeId } from '../../../protocol/identity.ts'

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/)
const member = fc.oneof(label, fc.constant(COLLECTOR), fc.constant('collector'), fc.constant('control'))

test('the id of whoever may join names him again, and nobody else', () => {
  fc.assert(
    fc.property(label, label, member, (trustDomain, dc, who) => {
      const read = memberOfSpiffeId(memberSpiffeId({ trustDomain, dc }, who))

      assert.deepEqual(read, { trustDomain, dc: who === COLLECTOR ? undefined : dc, member: who })
    }),
  )
})

test('a service that is called collector is not the collector, and the collector is no service', () => {
  const mesh = { trustDomain: 'demo.mesh', dc: 'dc1' }

  assert.notEqual(memberSpiffeId(mesh, 'collector'), memberSpiffeId(mesh, COLLECTOR))
  assert.equal(serviceOfSpiffeId(memberSpiffeId(mesh, COLLECTOR)), undefined)
})

test('control, longer paths and other schemes are nobody who may join', () => {
  for (const id of [
    'spiffe://demo.mesh/control',
    'spiffe://demo.mesh/collector/x',
    'spiffe://demo.mesh/Collector',
    'spiffe://demo.mesh',
    'https://demo.mesh/collector',
    ' spiffe://demo.mesh/collector',
  ])
    assert.equal(memberOfSpiffeId(id), undefined, id)
})
