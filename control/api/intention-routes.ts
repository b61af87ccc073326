import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { Intention } from '../../protocol/intentions.ts'
import type { MeshConfig } from '../../protocol/mesh-config/config.ts'
import { refuse } from '../refusal.ts'
import { unknownService } from './status-routes.ts'

/** The rules of one service as its proxies have them, and where each is written. */
const ServiceIntentions = Type.Object({
  service: Type.String(),
  default: Type.String(),
  file: Type.String(),
  rules: Type.Array(Type.Intersect([Intention, Type.Object({ line: Type.Integer() })])),
})
const ServiceParams = Type.Object({ service: Type.String({ minLength: 1, maxLength: 253 }) })

export interface IntentionParts {
  config(): MeshConfig
  file(): string
  intentionsOf(config: MeshConfig, service: string): Intention[]
  lineOf(rule: string): number
}

/** GET /v1/services/{service}/intentions. */
export function intentionRoutes(app: FastifyInstance, parts: IntentionParts): void {
  app.get<{ Params: { service: string } }>(
    '/v1/services/:service/intentions',
    {
      schema: { params: ServiceParams },
      config: {
        doc: {
          door: 'reader',
          summary: 'Who may call a service: its rules in the order in which they are tried, with their lines',
          answer: ServiceIntentions,
          refuses: [404],
        },
      },
    },
    (request, reply) => {
      const config = parts.config()
      const { service } = request.params
      if (!config.services.has(service)) return refuse(reply, 404, unknownService(service, config.services.keys()))
      const rules = parts.intentionsOf(config, service).map(rule => ({ ...rule, line: parts.lineOf(rule.name) }))
      return reply.send({ service, default: config.intentionsDefault, file: parts.file(), rules })
    },
  )
}
