import type { FastifyReply } from 'fastify'
import Type, { type Static } from 'typebox'

/** Every answer of the API that is not what was asked for: what happened, why, what to do. */
export const Refusal = Type.Object({
  /** A word for programs: `unknown-service`. */
  error: Type.String(),
  message: Type.String(),
  hint: Type.String(),
})
export type Refusal = Static<typeof Refusal>

export function refuse(reply: FastifyReply, statusCode: number, refusal: Refusal): FastifyReply {
  return reply.code(statusCode).send(refusal)
}
