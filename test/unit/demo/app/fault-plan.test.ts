import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decideFault, type FaultPlan, NO_FAULTS, planFaults } from '../../../../demo/app/fault-plan.ts'

const ROUTES = new Set(['/api', '/api/expense', '/api/expense/:id'])

function planned(order: Parameters<typeof planFaults>[0]): FaultPlan {
  const reading = planFaults(order, ROUTES)
  assert.equal(reading.status, 'planned')
  return reading.status === 'planned' ? reading.plan : NO_FAULTS
}

const never = () => assert.fail('nothing is to be drawn here')

test('without a plan there is no fault, and nothing is drawn', () => {
  assert.equal(decideFault(NO_FAULTS, '/api', '/api', never), undefined)
})

test('a request fails exactly when the draw is below the error rate', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      (errorRate, draw) => {
        const fault = decideFault(planned({ errorRate }), '/api', '/api', () => draw)
        assert.equal(fault?.failing ?? false, draw < errorRate)
      },
    ),
  )
})

test('a delay alone delays every request and fails none', () => {
  assert.deepEqual(decideFault(planned({ delayMs: 20 }), '/api', '/api', never), { delayMs: 20, failing: false })
})

test('an endpoint that is a route means that route alone, not what lies below it', () => {
  const plan = planned({ errorRate: 1, endpoint: '/api' })
  assert.equal(decideFault(plan, '/api', '/api', () => 0)?.failing, true)
  assert.equal(decideFault(plan, '/api/expense', '/api/expense', never), undefined)
})

test('an endpoint that is no route is a prefix of the path', () => {
  const plan = planned({ errorRate: 1, endpoint: '/api/expense/3f' })
  assert.equal(decideFault(plan, '/api/expense/:id', '/api/expense/3f1c', () => 0)?.failing, true)
  assert.equal(decideFault(plan, '/api/expense/:id', '/api/expense/4f1c', never), undefined)
})

test('an order that injects nothing is refused with the reason', () => {
  const reading = planFaults({ endpoint: '/api' }, ROUTES)
  assert.equal(reading.status, 'refused')
  assert.match(reading.status === 'refused' ? reading.reason : '', /neither errorRate nor delayMs/)
})
