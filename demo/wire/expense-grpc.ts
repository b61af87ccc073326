import { fileURLToPath } from 'node:url'
import { loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

/** What expense.proto says, as grpc-js wants it; the fields have the names of the JSON API. */

export interface TripRequest {
  tripId: string
}

export interface Trip extends TripRequest {
  expenses: number
  cost: number
  currency: string
  servedBy: string
}

export interface Change extends TripRequest {
  kind: 'WATCHING' | 'WRITTEN' | 'REMOVED'
  expenseId: string
}

const file = fileURLToPath(new URL('expense.proto', import.meta.url))
const loaded = loadPackageDefinition(loadSync(file, { enums: String, defaults: true }))

interface Loaded {
  trimtab: { demo: { expense: { v1: { Expenses: ServiceClientConstructor } } } }
}

/** The client's class; its `service` is what a server is given. */
export const ExpensesClient = (loaded as unknown as Loaded).trimtab.demo.expense.v1.Expenses
