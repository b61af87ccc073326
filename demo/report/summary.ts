import type { Expense } from '../wire/expense.ts'

export interface TripSummary {
  tripId: string
  expenses: Expense[]
  total: number
  numberOfExpenses: number
  /** What the employer pays back; since v3. */
  totalReimbursable?: number
}

/** Adds up a trip. Sums are in units of the trip's one currency, rounded to the cent. */
export function summarize(tripId: string, expenses: Expense[], version: 'v2' | 'v3'): TripSummary {
  const summary: TripSummary = { tripId, expenses, total: sum(expenses), numberOfExpenses: expenses.length }
  if (version === 'v3') summary.totalReimbursable = sum(expenses.filter(({ reimbursable }) => reimbursable))
  return summary
}

/** In cents on the way: 0.1 + 0.2 is 0.3 to an accountant. */
function sum(expenses: Expense[]): number {
  return expenses.reduce((cents, { cost }) => cents + Math.round(cost * 100), 0) / 100
}
