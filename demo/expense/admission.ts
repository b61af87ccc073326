import type { ExpenseDraft } from '../wire/expense.ts'

export const EXPENSES_MAX = 10_000
export const TRIP_EXPENSES_MAX = 1_000

/** What is on record without the expense that is to be written. */
export interface OnRecord {
  expenses: number
  tripExpenses: number
  /** undefined: the trip has no other expense */
  tripCurrency: string | undefined
}

export type Admission = { status: 'admitted' } | { status: 'refused'; reason: 'currency' | 'full'; message: string }

/** One currency a trip, or its total would add dollars to yen; and an end to how much is kept. */
export function admit(draft: ExpenseDraft, { expenses, tripExpenses, tripCurrency }: OnRecord): Admission {
  if (tripCurrency !== undefined && tripCurrency !== draft.currency) {
    const message = `Trip ${draft.tripId} is kept in ${tripCurrency}; ${draft.currency} cannot be added to its total.`
    return { status: 'refused', reason: 'currency', message }
  }
  if (tripExpenses >= TRIP_EXPENSES_MAX) return full(`Trip ${draft.tripId}`, tripExpenses, TRIP_EXPENSES_MAX)
  if (expenses >= EXPENSES_MAX) return full('The service', expenses, EXPENSES_MAX)
  return { status: 'admitted' }
}

function full(what: string, found: number, max: number): Admission {
  return {
    status: 'refused',
    reason: 'full',
    message: `${what} holds ${found} expenses, and ${max} is the most. DELETE some.`,
  }
}
