import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

/** What reading a line from the network gives: the value, or what is wrong with it and where. */
export type Read<T> = { status: 'ok'; value: T } | { status: 'invalid'; reason: string }

/**
 * Makes the reader of one word: parses JSON, checks it against the schema, keeps unknown fields (a newer writer may send them).
 * The reader never throws; a refusal names the path of the field. `lineBytesMax` bounds what is parsed at all.
 */
export function readerOf<S extends TSchema>(schema: S, lineBytesMax: number): (line: string) => Read<Static<S>> {
  const check = Compile(schema)
  return line => {
    if (line.length > lineBytesMax)
      return { status: 'invalid', reason: `line of ${line.length} bytes, ${lineBytesMax} allowed` }
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch (error) {
      return { status: 'invalid', reason: `not JSON: ${(error as Error).message}` }
    }
    if (check.Check(value)) return { status: 'ok', value: value as Static<S> }
    const first = check.Errors(value)[0]
    return { status: 'invalid', reason: `${first?.instancePath || '/'} ${first?.message ?? 'does not fit'}` }
  }
}
