/** Readers of query parameters. Each gives the value, or throws a BadQuery that names the parameter and what is allowed. */

export class BadQuery extends Error {}

export type Query = Readonly<Record<string, string | string[] | undefined>>

export function textOf(query: Query, name: string): string | undefined {
  const value = query[name]
  const text = Array.isArray(value) ? value[0] : value
  if (text !== undefined && text.length > 1000) throw new BadQuery(`${name}: ${text.length} characters, 1000 allowed`)
  return text === '' ? undefined : text
}

export function textsOf(query: Query, name: string): string[] {
  const value = query[name]
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}

export function wholeOf(query: Query, name: string, min: number, max: number): number | undefined {
  const text = textOf(query, name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^\d{1,16}$/.test(text) || value < min || value > max)
    throw new BadQuery(`${name}: found ${JSON.stringify(text)}, allowed: a whole number from ${min} to ${max}`)
  return value
}

const goUnitsUs: Record<string, number> = { ns: 0.001, us: 1, µs: 1, ms: 1000, s: 1e6, m: 6e7, h: 3.6e9, d: 8.64e10 }

/** Go's durations, as Jaeger's parameters have them: `1.2ms`, `100us`, `1h30m`. In microseconds. */
export function goDurationUs(query: Query, name: string): number | undefined {
  const text = textOf(query, name)
  if (text === undefined) return undefined
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/g)]
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text)
    throw new BadQuery(`${name}: found ${JSON.stringify(text)}, allowed: a duration such as 1.2ms, 100us, 1h30m`)
  return Math.round(parts.reduce((sum, [, number, unit]) => sum + Number(number) * goUnitsUs[unit!]!, 0))
}
