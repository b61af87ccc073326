import { DEMO_TRIP_ID } from '../wire/expense.ts'

const TRIP = `/api/report/trip/${DEMO_TRIP_ID}`
const VERSION = '/api/report/expense/version'
const MIX = [TRIP, TRIP, TRIP, VERSION] as const

/** The path of the n-th request: three trips to one version question, in a fixed order. */
export function pathOfRequest(n: number): string {
  return MIX[n % MIX.length] ?? TRIP
}
