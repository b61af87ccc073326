import {
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import type { Context, Tracer } from '@opentelemetry/api'
import { type GrpcListener, grpcListener, serverSpan } from '../app/grpc-listener.ts'
import type { Expense } from '../wire/expense.ts'
import { type Change, ExpensesClient, type Trip, type TripRequest } from '../wire/expense-grpc.ts'
import type { Store } from './store.ts'
import type { Watchers } from './watchers.ts'

/** Changes that wait for one watcher: who does not read is told so, and let go. */
const UNREAD_MAX = 1_000

/** The expenses by gRPC: the same store as behind the HTTP API. */
export function expenseGrpc(store: Store, watchers: Watchers, tracer: Tracer, version: string): GrpcListener {
  const expensesOf = (context: Context, { tripId }: TripRequest): Expense[] | { code: number; details: string } => {
    const expenses = store.byTrip(context, tripId)
    if (expenses.length > 0) return expenses
    return { code: status.NOT_FOUND, details: `No expense of a trip ${tripId} is on record.` }
  }
  return grpcListener(ExpensesClient.service, {
    GetTrip(call: ServerUnaryCall<TripRequest, Trip>, answer: sendUnaryData<Trip>) {
      const span = serverSpan(tracer, call.getPath(), call.metadata)
      const expenses = expensesOf(span.context, call.request)
      if (Array.isArray(expenses)) answer(null, tripOf(expenses, version))
      else answer(expenses)
      span.end(Array.isArray(expenses) ? status.OK : expenses.code)
    },

    ListByTrip(call: ServerWritableStream<TripRequest, Expense>) {
      const span = serverSpan(tracer, call.getPath(), call.metadata)
      const expenses = expensesOf(span.context, call.request)
      if (Array.isArray(expenses)) {
        for (const expense of expenses) call.write(expense)
        call.end()
      } else call.emit('error', expenses)
      span.end(Array.isArray(expenses) ? status.OK : expenses.code)
    },

    Watch(call: ServerDuplexStream<TripRequest, Change>) {
      const span = serverSpan(tracer, call.getPath(), call.metadata)
      const end = (code: number, details = '') => {
        watcher?.leave()
        span.end(code)
        if (code === status.OK) call.end()
        else if (!call.cancelled) call.emit('error', { code, details })
      }
      const watcher = watchers.join(change => {
        if (call.writableLength < UNREAD_MAX) call.write(change)
        else end(status.RESOURCE_EXHAUSTED, `${UNREAD_MAX} changes wait to be read.`)
      })
      if (watcher === undefined) {
        end(status.RESOURCE_EXHAUSTED, 'Too many watch already.')
        return
      }
      call.on('data', ({ tripId }: TripRequest) => {
        const refusal = watcher.watch(tripId)
        if (refusal === undefined) call.write({ kind: 'WATCHING', tripId, expenseId: '' })
        else end(status.RESOURCE_EXHAUSTED, refusal)
      })
      call.on('end', () => end(status.OK))
      call.on('cancelled', () => end(status.CANCELLED))
      call.on('error', () => {})
    },
  })
}

function tripOf(expenses: readonly Expense[], servedBy: string): Trip {
  const [{ tripId, currency }] = expenses as [Expense]
  const cost = expenses.reduce((sum, expense) => sum + expense.cost, 0)
  return { tripId, expenses: expenses.length, cost, currency, servedBy }
}
