import type { FastifyInstance } from 'fastify'
import Type, { type Static } from 'typebox'
import type { Clock } from '../../runtime/clock.ts'
import { refuse } from '../refusal.ts'
import type { IdentityStore } from '../state/identity-store.ts'
import type { Identity } from './identity.ts'
import { AuthorityStatus, identityStatus } from './identity-status.ts'

const Begun = Type.Object({ root: Type.String() })
const Ask = Type.Object(
  { action: Type.Union([Type.Literal('rotate'), Type.Literal('reset')]) },
  { additionalProperties: false },
)
type Ask = Static<typeof Ask>

/** GET /v1/identity and POST /v1/identity/rotation: how the certificate authority stands, and its change. */
export function authorityRoutes(
  app: FastifyInstance,
  {
    identity,
    store,
    clock,
    behind,
  }: { identity: Identity; store: IdentityStore; clock: Clock; behind(epoch: number): string[] },
): void {
  app.get(
    '/v1/identity',
    {
      config: {
        doc: {
          summary: 'The certificate authority: roots, rotation, who has a certificate until when',
          door: 'reader',
          answer: AuthorityStatus,
        },
      },
    },
    async () => identityStatus(identity, store, behind, clock.wall()),
  )
  app.post<{ Body: Ask }>(
    '/v1/identity/rotation',
    {
      schema: { body: Ask },
      config: {
        doc: {
          summary:
            'rotate: a new root takes over without a drop. reset: a new root at once, when the key of the old one is lost',
          door: 'admin',
          answer: Begun,
          refuses: [400, 401, 403, 409],
        },
      },
    },
    async (request, reply) => {
      const done = await (request.body.action === 'rotate' ? identity.rotate() : identity.reset())
      if (done.status !== 'refused') return reply.send({ root: done.root })
      return refuse(reply, 409, { error: 'not-possible', message: `Not done: ${done.reason}.`, hint: done.hint })
    },
  )
}
