import Type, { type Static } from 'typebox'

/** One comparison of a text. Exactly one of the fields stands; `present: false` means that it must be absent. */
export const TextMatch = Type.Object({
  exact: Type.Optional(Type.String()),
  prefix: Type.Optional(Type.String()),
  regex: Type.Optional(Type.String()),
  present: Type.Optional(Type.Boolean()),
})
export type TextMatch = Static<typeof TextMatch>
