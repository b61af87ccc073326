import Type, { type Static } from 'typebox'

/** The number of the words. A reader of a lower number refuses a stream of a higher one; new optional fields do not raise it. */
export const PROTOCOL = 1

/** First line of every stream between two Trimtab programs. */
export const Hello = Type.Object({
  protocol: Type.Integer({ minimum: 1 }),
  program: Type.String({ minLength: 1, maxLength: 64 }),
  version: Type.String({ minLength: 1, maxLength: 64 }),
})
export type Hello = Static<typeof Hello>

/** Says why a stream cannot be read and which side to upgrade, or nothing when it can. */
export function refusalOf(hello: Hello, reader: string): string | undefined {
  if (hello.protocol <= PROTOCOL) return undefined
  return `${hello.program} ${hello.version} speaks protocol ${hello.protocol}, this ${reader} speaks up to ${PROTOCOL}: upgrade this ${reader}`
}
