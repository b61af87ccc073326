import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { fail } from '../app/failures.ts'
import { type Expense, ExpenseDraft, ExpenseId, TripId } from '../wire/expense.ts'
import type { Store, Writing } from './store.ts'

const LIST_LIMIT = 1_000

const ById = Type.Object({ id: ExpenseId })
const ByTrip = Type.Object({ tripId: TripId })

export function addExpenseRoutes(app: FastifyInstance, store: Store, version: string): void {
  app.get('/api', (_request, reply) => reply.type('text/plain').send(`${version}\n`))

  app.get('/api/expense', request => store.list(request.traceContext, LIST_LIMIT))

  app.post<{ Body: ExpenseDraft }>('/api/expense', { schema: { body: ExpenseDraft } }, (request, reply) => {
    const expense: Expense = { ...request.body, id: request.body.id ?? randomUUID() }
    const writing = store.insert(request.traceContext, expense)
    if (writing.status !== 'written') return refuse(reply, writing, expense.id)
    return reply.code(201).header('location', `/api/expense/${expense.id}`).send(expense)
  })

  app.get<{ Params: { id: string } }>('/api/expense/:id', { schema: { params: ById } }, (request, reply) => {
    const expense = store.byId(request.traceContext, request.params.id)
    return expense === undefined ? unknownId(reply, request.params.id) : reply.send(expense)
  })

  app.put<{ Params: { id: string }; Body: ExpenseDraft }>(
    '/api/expense/:id',
    { schema: { params: ById, body: ExpenseDraft } },
    (request, reply) => {
      const { id } = request.params
      if (request.body.id !== undefined && request.body.id !== id) {
        return fail(
          reply,
          400,
          'bad-request',
          `The body says id ${request.body.id}, the path says ${id}. Leave the body's out.`,
        )
      }
      const expense: Expense = { ...request.body, id }
      const writing = store.replace(request.traceContext, expense)
      return writing.status === 'written' ? reply.send(expense) : refuse(reply, writing, id)
    },
  )

  app.delete<{ Params: { id: string } }>('/api/expense/:id', { schema: { params: ById } }, (request, reply) =>
    store.remove(request.traceContext, request.params.id)
      ? reply.code(204).send()
      : unknownId(reply, request.params.id),
  )

  app.get<{ Params: { tripId: string } }>(
    '/api/expense/trip/:tripId',
    { schema: { params: ByTrip } },
    (request, reply) => {
      const { tripId } = request.params
      const expenses = store.byTrip(request.traceContext, tripId)
      if (expenses.length === 0) return fail(reply, 404, 'no-such-trip', `No expense of a trip ${tripId} is on record.`)
      return reply.send(expenses)
    },
  )
}

function unknownId(reply: FastifyReply, id: string): FastifyReply {
  return fail(reply, 404, 'no-such-expense', `No expense ${id} is on record.`)
}

function refuse(reply: FastifyReply, writing: Exclude<Writing, { status: 'written' }>, id: string): FastifyReply {
  if (writing.status === 'unknown') return unknownId(reply, id)
  if (writing.status === 'taken') return fail(reply, 409, 'id-taken', `Expense ${id} exists. PUT replaces it.`)
  return fail(reply, writing.reason === 'full' ? 507 : 409, writing.reason, writing.message)
}
