import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCatalog } from '../../../../control/gather/catalog.ts'
import { registration } from '../meshes.ts'

const arrange = (instancesMax = 10) => createCatalog({ graceMs: 5000, instancesMax })
const ticketOf = (catalog: ReturnType<typeof arrange>, id: string, changes = {}) => {
  const registered = catalog.register(registration(id, changes), 0)
  return registered.status === 'registered' ? registered.ticket : assert.fail(registered.status)
}

test('an instance stays for the grace after its stream ended, and leaves then', () => {
  const catalog = arrange()
  const ticket = ticketOf(catalog, 'e1')
  catalog.release('e1', ticket, 1000)

  assert.deepEqual(catalog.sweep(5999), [])
  assert.equal(catalog.endpointsOf('expense').length, 1)
  assert.deepEqual(
    catalog.sweep(6000).map(gone => gone.registration.instance),
    ['e1'],
  )
  assert.deepEqual(catalog.endpointsOf('expense'), [])
})

test('an instance that comes back within the grace never left', () => {
  const catalog = arrange()
  const ticket = ticketOf(catalog, 'e1')
  catalog.release('e1', ticket, 1000)

  const again = catalog.register(registration('e1'), 0)

  assert.ok(again.status === 'registered' && !again.changed)
  assert.deepEqual(catalog.sweep(60_000), [])
})

test('the end of an older stream does not touch an instance whose newer stream is open', () => {
  const catalog = arrange()
  const older = ticketOf(catalog, 'e1')
  ticketOf(catalog, 'e1', { address: '10.0.0.2:20000' })
  catalog.release('e1', older, 1000)
  assert.equal(catalog.get('e1')?.connected, true)
  assert.deepEqual(catalog.sweep(60_000), [])
})

test('an instance that comes as another service is an endpoint of that one only', () => {
  const catalog = arrange()
  ticketOf(catalog, 'e1')
  const moved = catalog.register(registration('e1', { service: 'report' }), 0)
  assert.ok(moved.status === 'registered' && moved.changed)
  assert.deepEqual(catalog.endpointsOf('expense'), [])
  assert.equal(catalog.endpointsOf('report').length, 1)
})

test('a gateway is no endpoint', () => {
  const catalog = arrange()
  ticketOf(catalog, 'g1', { kind: 'gateway' })
  assert.deepEqual(catalog.endpointsOf('expense'), [])
})

test('over the bound nobody new is taken, and who is known may come again', () => {
  const catalog = arrange(1)
  ticketOf(catalog, 'e1')
  assert.equal(catalog.register(registration('e2'), 0).status, 'full')
  assert.equal(catalog.register(registration('e1'), 0).status, 'registered')
})

test('after a restart known instances have their own grace to open their streams again', () => {
  const catalog = arrange()
  catalog.restore([registration('e1'), registration('e2')], 0, 0, 15_000)
  ticketOf(catalog, 'e1')
  assert.equal(catalog.endpointsOf('expense').length, 2)
  assert.deepEqual(catalog.sweep(14_999), [])
  assert.deepEqual(
    catalog.sweep(15_000).map(gone => gone.registration.instance),
    ['e2'],
  )
})

test('who says goodbye leaves without a grace', () => {
  const catalog = arrange()
  ticketOf(catalog, 'e1')
  assert.equal(catalog.remove('e1')?.registration.instance, 'e1')
  assert.equal(catalog.remove('e1'), undefined)
  assert.equal(catalog.size, 0)
})
