import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { summarize } from '../../../../demo/report/summary.ts'

const expense = (cost: number, reimbursable = true) => ({
  id: '00000000-0000-4000-8000-000000000001',
  name: 'Taxi',
  tripId: 't',
  cost,
  currency: 'USD',
  date: '2026-01-01',
  reimbursable,
})

test('v2 gives total and number, v3 what is paid back as well', () => {
  const expenses = [expense(10.5), expense(4.25, false)]
  assert.deepEqual(summarize('t', expenses, 'v2'), { tripId: 't', expenses, total: 14.75, numberOfExpenses: 2 })
  assert.equal(summarize('t', expenses, 'v3').totalReimbursable, 10.5)
})

test('the total of cents is exact, in any number and order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1_000_000 }), { maxLength: 200 }), cents => {
      const { total } = summarize(
        't',
        cents.map(cent => expense(cent / 100)),
        'v2',
      )
      assert.equal(total, cents.reduce((sum, cent) => sum + cent, 0) / 100)
    }),
  )
})
