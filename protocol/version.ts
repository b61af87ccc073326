import type { Hello } from './hello.ts'

/** The number of the words. A reader of a lower number refuses a stream of a higher one; new optional fields do not raise it. */
export const PROTOCOL = 1

/** Says why a stream cannot be read and which side to upgrade, or nothing when it can. */
export function refusalOf(hello: Hello, reader: string): string | undefined {
  if (hello.protocol <= PROTOCOL) return undefined
  return `${hello.program} ${hello.version} speaks protocol ${hello.protocol}, this ${reader} speaks up to ${PROTOCOL}: upgrade this ${reader}`
}
