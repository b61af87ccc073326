import Type, { type Static } from 'typebox'

/** First line of every stream between two Trimtab programs. */
export const Hello = Type.Object({
  protocol: Type.Integer({ minimum: 1 }),
  program: Type.String({ minLength: 1, maxLength: 64 }),
  version: Type.String({ minLength: 1, maxLength: 64 }),
})
export type Hello = Static<typeof Hello>
