/** What reading a line from the network gives: the value, or what is wrong with it and where. */
export type Read<T> = { status: 'ok'; value: T } | { status: 'invalid'; reason: string }

/** Tells whether a value is a word, and of one that is none, the path of a field that is wrong, and how. */
export interface Check<T> {
  holds(value: unknown): value is T
  problem(value: unknown): string
}

/**
 * Makes the reader of one word: parses JSON, checks it, keeps unknown fields (a newer writer may send them).
 * The reader never throws; a refusal names the path of the field. `lineBytesMax` bounds what is parsed at all.
 */
export function lineReader<T>(check: Check<T>, lineBytesMax: number): (line: string) => Read<T> {
  return line => {
    if (line.length > lineBytesMax)
      return { status: 'invalid', reason: `line of ${line.length} bytes, ${lineBytesMax} allowed` }
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch (error) {
      return { status: 'invalid', reason: `not JSON: ${(error as Error).message}` }
    }
    return check.holds(value) ? { status: 'ok', value } : { status: 'invalid', reason: check.problem(value) }
  }
}
