import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { lineReader, type Read } from './line-reader.ts'

/** A line reader that makes its check from the schema, as it starts. */
export function readerOf<S extends TSchema>(schema: S, lineBytesMax: number): (line: string) => Read<Static<S>> {
  const check = Compile(schema)
  const holds = (value: unknown): value is Static<S> => check.Check(value)
  return lineReader({ holds, problem: value => firstProblem(check.Errors(value)) }, lineBytesMax)
}

/** In words: the path of the first field that is wrong, and how. */
export function firstProblem(errors: readonly { instancePath: string; message: string }[]): string {
  const [first] = errors
  return `${first?.instancePath || '/'} ${first?.message ?? 'does not fit'}`
}
