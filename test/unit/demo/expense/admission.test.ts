import assert from 'node:assert/strict'
import { test } from 'node:test'
import { admit, EXPENSES_MAX, TRIP_EXPENSES_MAX } from '../../../../demo/expense/admission.ts'

const draft = { name: 'Hotel', tripId: 't-1', cost: 1, currency: 'USD', date: '2026-01-01', reimbursable: true }
const empty = { expenses: 0, tripExpenses: 0, tripCurrency: undefined }

test('the first expense of a trip sets its currency, and the same currency is admitted again', () => {
  assert.equal(admit(draft, empty).status, 'admitted')
  assert.equal(admit(draft, { expenses: 1, tripExpenses: 1, tripCurrency: 'USD' }).status, 'admitted')
})

test('a second currency in one trip is refused with both currencies', () => {
  const admission = admit(draft, { expenses: 1, tripExpenses: 1, tripCurrency: 'JPY' })
  assert.equal(admission.status === 'refused' && admission.reason, 'currency')
  assert.match(admission.status === 'refused' ? admission.message : '', /JPY.*USD/)
})

test('the last place is given away and the one after it refused, for a trip as for the whole', () => {
  const inTrip = (tripExpenses: number) =>
    admit(draft, { expenses: tripExpenses, tripExpenses, tripCurrency: 'USD' }).status
  const inAll = (expenses: number) => admit(draft, { ...empty, expenses }).status
  assert.deepEqual([inTrip(TRIP_EXPENSES_MAX - 1), inTrip(TRIP_EXPENSES_MAX)], ['admitted', 'refused'])
  assert.deepEqual([inAll(EXPENSES_MAX - 1), inAll(EXPENSES_MAX)], ['admitted', 'refused'])
})
