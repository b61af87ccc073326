import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readRegistration } from '../../../../control/publish/registration.ts'
import { demoMesh, meshOf, registration } from '../meshes.ts'

const mesh = meshOf(demoMesh)
const refusalOf = (query: unknown) => {
  const read = readRegistration(query, mesh)
  assert.equal(read.status, 'refused')
  return read.status === 'refused' ? read.refusal : assert.fail()
}

test('a complete registration of a known service and version is taken', () => {
  const read = readRegistration(registration('e1'), mesh)
  assert.deepEqual(read, { status: 'ok', registration: registration('e1'), warning: undefined })
})

test('an unknown service is refused with the lines that would make it known', () => {
  const refusal = refusalOf(registration('x', { service: 'payments' }))
  assert.equal(refusal.error, 'unknown-service')
  assert.match(refusal.message, /no service payments; it has report, expense/)
  assert.match(refusal.hint, /services:\n {2}payments: {}/)
})

test('an unknown version of a known service is taken with a warning that says how to give it traffic', () => {
  const read = readRegistration(registration('e9', { version: 'v9' }), mesh)
  assert.ok(read.status === 'ok' && read.warning?.includes('services.expense.versions.v9'))
})

test('a service whose file names no versions takes any without a warning', () => {
  const read = readRegistration(registration('p', { service: 'plain', version: 'anything' }), mesh)
  assert.ok(read.status === 'ok' && read.warning === undefined)
})

test('nobody registers for a service outside the mesh, or as an unknown gateway', () => {
  assert.equal(refusalOf(registration('r', { service: 'rates' })).error, 'service-outside')
  assert.equal(refusalOf(registration('g', { kind: 'gateway', service: 'nope' })).error, 'unknown-gateway')
})

for (const address of ['nowhere', '10.0.0.1:0', '0.0.0.0:20000', '[::]:20000', ':', '10.0.0.1:99999'])
  test(`an address that nobody can reach is refused: ${address}`, () => {
    assert.match(refusalOf(registration('e1', { address })).message, /address/)
  })

test('what is missing is named', () => {
  assert.match(refusalOf({ service: 'expense' }).message, /version.*instance/)
})

test('whatever a query holds, reading it gives an answer', () => {
  const query = fc.oneof(
    fc.anything(),
    fc.record({
      ...Object.fromEntries(['service', 'version', 'instance', 'kind', 'address'].map(name => [name, fc.anything()])),
    }),
  )
  fc.assert(
    fc.property(query, given => {
      assert.ok(['ok', 'refused'].includes(readRegistration(given, mesh).status))
    }),
  )
})
