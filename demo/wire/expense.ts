import { type Static, Type } from 'typebox'

/** The trip that a fresh expense service knows. */
export const DEMO_TRIP_ID = 'd7fd4bf6-aeb9-45a0-b671-85dfc4d095aa'

export const TripId = Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' })
export const ExpenseId = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })

const fields = {
  name: Type.String({ minLength: 1, maxLength: 200 }),
  tripId: TripId,
  /** In units of the currency, not in cents. */
  cost: Type.Number({ minimum: 0, maximum: 1_000_000_000 }),
  currency: Type.String({ pattern: '^[A-Z]{3}$' }),
  date: Type.String({ format: 'date' }),
  reimbursable: Type.Boolean(),
}

/** One expense of one trip, as the services say it to each other. */
export const Expense = Type.Object({ id: ExpenseId, ...fields })
export type Expense = Static<typeof Expense>

/** An expense as a person posts or puts it; the id is given by the service or by the path. */
export const ExpenseDraft = Type.Object({ id: Type.Optional(ExpenseId), ...fields }, { additionalProperties: false })
export type ExpenseDraft = Static<typeof ExpenseDraft>
