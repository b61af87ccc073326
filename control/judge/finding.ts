/** Why something is to move. */
export interface Finding {
  /** One sentence with its numbers. */
  reason: string
  metric: string
  observed: number
  threshold: number
  evidence: Record<string, number | string>
  windowMs: number
  traces: readonly string[]
}

/** A number for a sentence: three digits. */
export function short(value: number): string {
  if (value >= 1e5) return value.toExponential(1).replace('.0e', 'e').replace('e+', 'e')
  return Number(value.toPrecision(3)).toString()
}

const LISTED_MAX = 10

/** `a, b and 3 more`: what stands in evidence stays short. */
export function listed(names: readonly string[]): string {
  const more = names.length - LISTED_MAX
  return more > 0 ? `${names.slice(0, LISTED_MAX).join(', ')} and ${more} more` : names.join(', ')
}
