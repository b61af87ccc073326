// Hot path: once per sample of every scrape. One regular expression without backtracking, one conversion.

/** Digits, signs, point and exponent only: keeps out what `Number` takes and Prometheus does not (hex, blanks, the empty string). */
const decimal = /^[-+0-9.eE]+$/

/** A sample's value as Prometheus reads it: decimal, `NaN`, `+Inf`, `-Inf` and their longer forms in any case. Undefined when it is none. */
export function parseValue(token: string): number | undefined {
  if (decimal.test(token)) {
    const value = Number(token)
    return Number.isNaN(value) ? undefined : value
  }
  switch (token.toLowerCase()) {
    case 'nan':
      return Number.NaN
    case 'inf':
    case '+inf':
    case 'infinity':
    case '+infinity':
      return Number.POSITIVE_INFINITY
    case '-inf':
    case '-infinity':
      return Number.NEGATIVE_INFINITY
    default:
      return undefined
  }
}

/** The shortest text that reads back as the same number, in the words of both formats. */
export function formatValue(value: number): string {
  if (Number.isInteger(value)) return value === 0 && 1 / value < 0 ? '-0' : String(value)
  if (Number.isFinite(value)) return String(value)
  if (Number.isNaN(value)) return 'NaN'
  return value > 0 ? '+Inf' : '-Inf'
}
