import type { FastifyInstance } from 'fastify'
import Type, { type Static } from 'typebox'
import { Decision } from '../../protocol/decision.ts'
import { refuse } from '../refusal.ts'
import type { StateStore } from '../state/store.ts'
import type { LineStreams } from './line-streams.ts'

const Service = Type.Optional(Type.String({ minLength: 1, maxLength: 253 }))
const DecisionQuery = Type.Object({
  service: Service,
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
  before: Type.Optional(Type.Integer({ minimum: 1 })),
})
type DecisionQuery = Static<typeof DecisionQuery>
const StreamQuery = Type.Object({ service: Service })
type StreamQuery = Static<typeof StreamQuery>
const DecisionList = Type.Object({ decisions: Type.Array(Decision) })

const LIMIT_DEFAULT = 50

/** GET /v1/decisions, newest first (`before`: the id to go on from), and GET /v1/decisions/stream. */
export function decisionRoutes(app: FastifyInstance, store: StateStore, followers: LineStreams): void {
  app.get<{ Querystring: DecisionQuery }>(
    '/v1/decisions',
    {
      schema: { querystring: DecisionQuery },
      config: { doc: { summary: 'Decisions, newest first', door: 'reader', answer: DecisionList, refuses: [400] } },
    },
    async request => {
      const { service, limit = LIMIT_DEFAULT, before } = request.query
      return { decisions: store.decisions({ service, limit, before }) }
    },
  )
  app.get<{ Querystring: StreamQuery }>(
    '/v1/decisions/stream',
    {
      schema: { querystring: StreamQuery },
      config: {
        doc: {
          summary: 'Each decision as it is made',
          door: 'reader',
          answer: Decision,
          stream: true,
          refuses: [400, 503],
        },
      },
    },
    (request, reply) => {
      const { service } = request.query
      if (followers.open(reply, { fits: line => service === undefined || line.service === service })) return reply
      const message = `${followers.size} readers follow the decisions already.`
      return refuse(reply, 503, { error: 'full', message, hint: 'Close one, or ask GET /v1/decisions.' })
    },
  )
}
