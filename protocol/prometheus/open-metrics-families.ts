import { asPlainFamilies, baseName, type Family, suffixesOf } from './family.ts'

const familiesPerStep = 128
const nothing = Buffer.alloc(0)

/**
 * Families as OpenMetrics can say them side by side. It reserves more names than text: a counter `jobs_total` takes `jobs` and
 * `jobs_created` too, which another family of a text source may bear in good faith. Where two families claim a name, those that
 * reserve names are told as plain unknown series: what is lost is a type, never a series. Yields empty pieces, for pauses.
 */
export function* asOpenMetricsFamilies(families: readonly Family[]): Generator<Buffer, Family[]> {
  const claimants = new Map<string, number>()
  for (const [index, family] of families.entries()) {
    if (index % familiesPerStep === 0) yield nothing
    for (const name of claimedNames(family)) claimants.set(name, (claimants.get(name) ?? 0) + 1)
  }
  const said: Family[] = []
  for (const [index, family] of families.entries()) {
    if (index % familiesPerStep === 0) yield nothing
    const names = claimedNames(family)
    const clashes = names.length > 1 && names.some(name => claimants.get(name)! > 1)
    if (clashes || !holdsToItsType(family)) said.push(...asPlainFamilies(family))
    else said.push(family)
  }
  return said
}

/** The name of a counter's series: OpenMetrics has no other. */
export function openMetricsCounterName(family: Family): string {
  return `${baseName(family)}_total`
}

function claimedNames(family: Family): string[] {
  const base = baseName(family)
  if (family.type === 'counter') return [base, `${base}_total`, `${base}_created`]
  if (family.type === 'info') return [base, `${base}_info`]
  const names = new Set([base])
  for (const suffix of suffixesOf(family.type)) names.add(base + suffix)
  return [...names]
}

/** Text lets a counter be negative or NaN, and an info bear any name; OpenMetrics does not. */
function holdsToItsType({ name, type, samples }: Family): boolean {
  if (type === 'counter') return samples.every(({ value }) => value >= 0)
  return type !== 'info' || name.endsWith('_info')
}
