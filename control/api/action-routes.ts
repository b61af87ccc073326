import type { FastifyInstance, FastifyReply } from 'fastify'
import Type, { type Static } from 'typebox'
import { Decision } from '../../protocol/decision.ts'
import type { MeshConfig } from '../../protocol/mesh-config/config.ts'
import type { Judge } from '../judge/judge.ts'
import type { ManualAction } from '../judge/manual.ts'
import { refuse } from '../refusal.ts'
import { unknownService } from './status-routes.ts'

const Name = Type.String({ minLength: 1, maxLength: 253 })
/** Who and why: every action of a person stands in the log with both. */
const said = {
  who: Type.String({ minLength: 1, maxLength: 100 }),
  reason: Type.String({ minLength: 1, maxLength: 1000 }),
}
const strict = { additionalProperties: false }
const SetWeights = Type.Object(
  {
    ...said,
    /** By version; versions not named keep theirs. */
    weights: Type.Record(Name, Type.Number({ minimum: 0, maximum: 1e6 }), { minProperties: 1, maxProperties: 32 }),
    /** True: the judge leaves these weights alone until they are unpinned. */
    pin: Type.Optional(Type.Boolean()),
  },
  strict,
)
type SetWeights = Static<typeof SetWeights>
/** Without `version`: every pinned version of the service. */
const Unpin = Type.Object({ ...said, version: Type.Optional(Name) }, strict)
type Unpin = Static<typeof Unpin>
const Said = Type.Object(said, strict)
type Said = Static<typeof Said>

const ServiceParams = Type.Object({ service: Name })
type ServiceParams = Static<typeof ServiceParams>
const EndpointParams = Type.Object({ service: Name, endpoint: Name })
type EndpointParams = Static<typeof EndpointParams>
const Made = Type.Object({ decisions: Type.Array(Decision) })

export interface ActionParts {
  mesh(): MeshConfig
  standing: Judge['standing']
  act(
    actions: readonly ManualAction[],
    actor: string,
    reason: string,
  ): { status: 'done'; decisions: Decision[] } | { status: 'refused'; reason: string; decisions: Decision[] }
}

/** What a person may do by hand: weights and endpoints. A person always wins over the judge. */
export function actionRoutes(app: FastifyInstance, parts: ActionParts): void {
  const perform = (reply: FastifyReply, actions: readonly ManualAction[], { who, reason }: Said) => {
    const acted = parts.act(actions, `person:${who}`, reason)
    if (acted.status === 'done') return reply.send({ decisions: acted.decisions })
    const message = `Not taken: ${acted.reason}.`
    return refuse(reply, 409, { error: 'not-possible', message, hint: 'GET /v1/status shows how it stands.' })
  }
  const known = (reply: FastifyReply, service: string) => {
    const standing = parts.mesh().services.has(service) ? parts.standing(service) : undefined
    if (!standing) refuse(reply, 404, unknownService(service, parts.mesh().services.keys()))
    return standing
  }
  const route = (summary: string) => ({
    doc: { summary, door: 'admin' as const, answer: Made, refuses: [400, 401, 403, 404, 409] },
  })

  app.post<{ Params: ServiceParams; Body: SetWeights }>(
    '/v1/services/:service/weights',
    {
      schema: { params: ServiceParams, body: SetWeights },
      config: route('Sets weights by hand, and pins them if asked'),
    },
    (request, reply) => {
      const { service } = request.params
      const { weights, pin = false } = request.body
      const standing = known(reply, service)
      if (!standing) return reply
      const unknown = Object.keys(weights).filter(version => !standing.versions.has(version))
      if (unknown.length > 0) return refuseUnknown(reply, 'version', unknown, service, standing.versions.keys())
      const actions = Object.entries(weights).map(
        ([version, weight]): ManualAction => ({ do: pin ? 'pin' : 'set-weight', service, version, weight }),
      )
      return perform(reply, actions, request.body)
    },
  )
  app.post<{ Params: ServiceParams; Body: Unpin }>(
    '/v1/services/:service/unpin',
    {
      schema: { params: ServiceParams, body: Unpin },
      config: route('Gives pinned weights back to the file and the judge'),
    },
    (request, reply) => {
      const { service } = request.params
      const { version } = request.body
      const standing = known(reply, service)
      if (!standing) return reply
      if (version !== undefined && !standing.versions.has(version))
        return refuseUnknown(reply, 'version', [version], service, standing.versions.keys())
      const pinned = [...standing.versions].filter(([name, found]) => found.pinned && (version ?? name) === name)
      const actions = pinned.map(([name]): ManualAction => ({ do: 'unpin', service, version: name }))
      return perform(reply, actions, request.body)
    },
  )
  for (const [verb, action, summary] of [
    ['eject', 'eject', 'Takes an endpoint out at every proxy until it is restored by hand'],
    ['restore', 'uneject', 'Lets an endpoint in again'],
  ] as const)
    app.post<{ Params: EndpointParams; Body: Said }>(
      `/v1/services/:service/endpoints/:endpoint/${verb}`,
      { schema: { params: EndpointParams, body: Said }, config: route(summary) },
      (request, reply) => {
        const { service, endpoint } = request.params
        const standing = known(reply, service)
        if (!standing) return reply
        if (!standing.endpoints.has(endpoint))
          return refuseUnknown(reply, 'endpoint', [endpoint], service, standing.endpoints.keys())
        return perform(reply, [{ do: action, service, endpoint }], request.body)
      },
    )
}

function refuseUnknown(
  reply: FastifyReply,
  what: 'version' | 'endpoint',
  names: readonly string[],
  service: string,
  known: Iterable<string>,
): FastifyReply {
  return refuse(reply, 404, {
    error: `unknown-${what}`,
    message: `Service ${service} has no ${what} ${names.join(', ')}.`,
    hint: `It has: ${[...known].slice(0, 50).join(', ') || 'none'}.`,
  })
}
