import type { FastifyInstance } from 'fastify'
import Type, { type Static } from 'typebox'
import { writeJoinToken } from '../../protocol/identity.ts'
import { refuse } from '../refusal.ts'
import type { KeptToken } from '../state/identity-store.ts'
import type { Identity } from './identity.ts'
import type { TokenBook } from './token-book.ts'
import { writePersonToken } from './tokens.ts'

const DAY_MS = 86_400_000
const Kind = Type.Union([Type.Literal('join'), Type.Literal('admin'), Type.Literal('read')])
const Name = Type.String({ minLength: 1, maxLength: 253 })
const OrNull = Type.Union([Type.String(), Type.Null()])

export const TokenOrder = Type.Object(
  {
    kind: Kind,
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    /** Join tokens: whose; without it any service or gateway. */
    services: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 1000 })),
    /** Join tokens: good for more than one certificate. */
    reusable: Type.Optional(Type.Boolean()),
    /** Null: never. Without it a join token lasts an hour, a person's for ever. */
    expiresInMs: Type.Optional(Type.Union([Type.Null(), Type.Number({ minimum: 1000, maximum: 3660 * DAY_MS })])),
  },
  { additionalProperties: false },
)
type TokenOrder = Static<typeof TokenOrder>

export const TokenStatus = Type.Object({
  id: Type.String(),
  kind: Kind,
  name: Type.String(),
  services: Type.Union([Type.Literal('*'), Type.Array(Type.String())]),
  reusable: Type.Boolean(),
  made: Type.String(),
  madeBy: Type.String(),
  expires: OrNull,
  used: OrNull,
})
export type TokenStatus = Static<typeof TokenStatus>

const JOIN_EXPIRES_MS = 3_600_000

/** POST, GET and DELETE /v1/tokens. A secret is told once, when it is made. */
export function tokenRoutes(
  app: FastifyInstance,
  { tokens, identity }: { tokens: TokenBook; identity: Identity },
): void {
  app.get(
    '/v1/tokens',
    {
      config: {
        doc: {
          summary: 'Every token, without its secret',
          door: 'admin',
          answer: Type.Object({ tokens: Type.Array(TokenStatus) }),
        },
      },
    },
    async () => ({ tokens: tokens.list().map(statusOf) }),
  )
  app.post<{ Body: TokenOrder }>(
    '/v1/tokens',
    {
      schema: { body: TokenOrder },
      config: {
        doc: {
          summary: 'Makes a token; its secret is in this answer and nowhere else',
          door: 'admin',
          answer: Type.Intersect([TokenStatus, Type.Object({ token: Type.String() })]),
          refuses: [400, 401, 403, 404, 409],
        },
      },
    },
    (request, reply) => {
      const { kind, name = kind, services, reusable, expiresInMs } = request.body
      const unknown = services?.filter(service => !identity.knows(service)) ?? []
      if (unknown.length > 0)
        return refuse(reply, 404, {
          error: 'unknown-service',
          message: `The mesh has no service or gateway ${unknown.join(', ')} that could have a certificate.`,
          hint: 'Name those of mesh.yaml; services outside the mesh have none.',
        })
      const created = tokens.create({
        kind,
        name,
        ...(services && { services }),
        ...(kind === 'join' && { reusable: reusable ?? false }),
        expiresInMs: expiresInMs === undefined ? (kind === 'join' ? JOIN_EXPIRES_MS : null) : expiresInMs,
        madeBy: request.visitor.is === 'nobody' ? 'nobody' : request.visitor.name,
      })
      if (created.status === 'full')
        return refuse(reply, 409, {
          error: 'full',
          message: `There are ${created.tokensMax} tokens, which is all that this control keeps.`,
          hint: 'Revoke those that are not needed: trimtab token list',
        })
      const { token, secret } = created
      const text =
        kind === 'join'
          ? writeJoinToken({ id: token.id, secret, pin: identity.pin() })
          : writePersonToken(token.id, secret)
      return reply.header('cache-control', 'no-store').send({ ...statusOf(token), token: text })
    },
  )
  const params = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) })
  app.delete<{ Params: { id: string } }>(
    '/v1/tokens/:id',
    {
      schema: { params },
      config: {
        doc: {
          summary: 'Revokes a token; certificates that it led to stay',
          door: 'admin',
          answer: TokenStatus,
          refuses: [401, 403, 404],
        },
      },
    },
    (request, reply) => {
      const gone = tokens.revoke(request.params.id)
      if (gone) return reply.send(statusOf(gone))
      return refuse(reply, 404, {
        error: 'unknown-token',
        message: `There is no token ${request.params.id}.`,
        hint: 'GET /v1/tokens lists those that are.',
      })
    },
  )
}

function statusOf({ id, kind, name, services, reusable, madeMs, madeBy, expiresMs, usedMs }: KeptToken): TokenStatus {
  const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
  return {
    id,
    kind,
    name,
    services,
    reusable,
    made: time(madeMs)!,
    madeBy,
    expires: time(expiresMs),
    used: time(usedMs),
  }
}
