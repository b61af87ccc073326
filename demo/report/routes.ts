import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { fail } from '../app/failures.ts'
import { TripId } from '../wire/expense.ts'
import { type Outcome, readExpenses, readText } from './answer.ts'
import type { ExpenseClient } from './expense-client.ts'
import { summarize } from './summary.ts'

const ById = Type.Object({ id: TripId })

export function addReportRoutes(app: FastifyInstance, expense: ExpenseClient, version: 'v2' | 'v3'): void {
  app.get('/api/report/expense/version', async (request, reply) => {
    const { traceContext: context, headers: incoming } = request
    const outcome = readText(await expense.get({ path: '/api', route: '/api', context, incoming }))
    return outcome.status === 'failed' ? answerFailed(reply, outcome) : reply.type('text/plain').send(outcome.value)
  })

  app.get<{ Params: { id: string } }>('/api/report/trip/:id', { schema: { params: ById } }, async (request, reply) => {
    const { traceContext: context, headers: incoming } = request
    const { id } = request.params
    const path = `/api/expense/trip/${id}`
    const outcome = readExpenses(await expense.get({ path, route: '/api/expense/trip/:tripId', context, incoming }))
    return outcome.status === 'failed'
      ? answerFailed(reply, outcome)
      : reply.send(summarize(id, outcome.value, version))
  })
}

function answerFailed(reply: FastifyReply, outcome: Extract<Outcome<unknown>, { status: 'failed' }>): FastifyReply {
  return fail(reply, outcome.code, outcome.error, outcome.message)
}
