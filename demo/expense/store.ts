import type { Context } from '@opentelemetry/api'
import type { Expense } from '../wire/expense.ts'
import type { Change } from '../wire/expense-grpc.ts'
import { type Admission, admit, type OnRecord } from './admission.ts'
import type { Database } from './database.ts'
import { SEED } from './seed.ts'

export type Writing =
  | { status: 'written' }
  | { status: 'unknown' }
  | { status: 'taken' }
  | Exclude<Admission, { status: 'admitted' }>

export interface Store {
  list(context: Context, limit: number): Expense[]
  byTrip(context: Context, tripId: string): Expense[]
  byId(context: Context, id: string): Expense | undefined
  insert(context: Context, expense: Expense): Writing
  replace(context: Context, expense: Expense): Writing
  /** False when there was none. */
  remove(context: Context, id: string): boolean
}

const COLUMNS = 'id, name, trip_id, cost, currency, date, reimbursable'
const select = (rest: string) => ({ name: 'SELECT expenses', sql: `SELECT ${COLUMNS} FROM expenses ${rest}` })

const LIST = select('ORDER BY date, id LIMIT ?')
const BY_TRIP = select('WHERE trip_id = ? ORDER BY date, id')
const BY_ID = select('WHERE id = ?')
const ON_RECORD = {
  name: 'SELECT expenses',
  sql: 'SELECT count(*) AS expenses, count(*) FILTER (WHERE trip_id = ?1) AS trip_expenses, max(currency) FILTER (WHERE trip_id = ?1) AS currency FROM expenses WHERE id <> ?2',
}
const INSERT = { name: 'INSERT expenses', sql: `INSERT INTO expenses (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)` }
const REPLACE = {
  name: 'UPDATE expenses',
  sql: 'UPDATE expenses SET name = ?2, trip_id = ?3, cost = ?4, currency = ?5, date = ?6, reimbursable = ?7 WHERE id = ?1',
}
const REMOVE = { name: 'DELETE expenses', sql: 'DELETE FROM expenses WHERE id = ?' }

/**
 * The expenses on record; an empty database is given the demo trip.
 * @param startup the context under which that is done
 * @param changed told of each change, once it is on record
 */
export function createStore(database: Database, startup: Context, changed: (change: Change) => void): Store {
  const byId = (context: Context, id: string) => database.all(context, BY_ID, id).map(toExpense)[0]

  const write = (context: Context, expense: Expense, mode: 'insert' | 'replace'): Writing => {
    const writing = writeOnce(context, expense, mode)
    if (writing.status === 'written') changed({ kind: 'WRITTEN', tripId: expense.tripId, expenseId: expense.id })
    return writing
  }
  const writeOnce = (context: Context, expense: Expense, mode: 'insert' | 'replace'): Writing =>
    database.transaction(() => {
      const exists = byId(context, expense.id) !== undefined
      if (mode === 'insert' && exists) return { status: 'taken' }
      if (mode === 'replace' && !exists) return { status: 'unknown' }
      const admission = admit(expense, onRecord(database, context, expense))
      if (admission.status === 'refused') return admission
      database.run(context, mode === 'insert' ? INSERT : REPLACE, ...toRow(expense))
      return { status: 'written' }
    })

  const store: Store = {
    list: (context, limit) => database.all(context, LIST, limit).map(toExpense),
    byTrip: (context, tripId) => database.all(context, BY_TRIP, tripId).map(toExpense),
    byId,
    insert: (context, expense) => write(context, expense, 'insert'),
    replace: (context, expense) => write(context, expense, 'replace'),
    remove(context, id) {
      const tripId = byId(context, id)?.tripId
      const removed = database.run(context, REMOVE, id) > 0
      if (removed && tripId !== undefined) changed({ kind: 'REMOVED', tripId, expenseId: id })
      return removed
    },
  }
  if (store.list(startup, 1).length === 0) for (const expense of SEED) store.insert(startup, expense)
  return store
}

function onRecord(database: Database, context: Context, { tripId, id }: Expense): OnRecord {
  const row = database.all(context, ON_RECORD, tripId, id)[0]
  const currency = row?.['currency']
  return {
    expenses: Number(row?.['expenses']),
    tripExpenses: Number(row?.['trip_expenses']),
    tripCurrency: typeof currency === 'string' ? currency : undefined,
  }
}

function toRow(expense: Expense): (string | number)[] {
  const { id, name, tripId, cost, currency, date, reimbursable } = expense
  return [id, name, tripId, cost, currency, date, reimbursable ? 1 : 0]
}

function toExpense(row: Record<string, unknown>): Expense {
  return {
    id: String(row['id']),
    name: String(row['name']),
    tripId: String(row['trip_id']),
    cost: Number(row['cost']),
    currency: String(row['currency']),
    date: String(row['date']),
    reimbursable: row['reimbursable'] === 1,
  }
}
