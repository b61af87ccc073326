import type { Family, Sample } from './family.ts'
import { baseName } from './family.ts'
import { LabelSetMap } from './label-set.ts'
import { innerLabel } from './type-rules.ts'

const ending = '_created'
const samplesPerStep = 128

/**
 * Text has no place for creation times: libraries write them as gauges `x_created` beside the counter, histogram or summary. Here they
 * return to their family, next to the metric they belong to, so that OpenMetrics (which reserves the name) can say them too. A gauge of
 * that name whose label sets are not its neighbour's is something else, and stays a gauge.
 */
export function* foldCreated(families: readonly Family[]): Generator<undefined, Family[]> {
  const parents = parentsByBase(families)
  const folded = new Map<Family, Family>()
  const gone = new Set<Family>()
  for (const family of families) {
    if ((family.type !== 'gauge' && family.type !== 'unknown') || !family.name.endsWith(ending)) continue
    const parent = parents.get(family.name.slice(0, -ending.length))
    if (!parent || family.samples.length === 0) continue
    const whole = yield* fold(folded.get(parent) ?? parent, family)
    if (!whole) continue
    folded.set(parent, whole)
    gone.add(family)
  }
  if (gone.size === 0) return [...families]
  return families.filter(family => !gone.has(family)).map(family => folded.get(family) ?? family)
}

function parentsByBase(families: readonly Family[]): Map<string, Family> {
  const parents = new Map<string, Family>()
  for (const family of families) {
    if (family.type !== 'counter' && family.type !== 'histogram' && family.type !== 'summary') continue
    const base = baseName(family)
    if (!parents.has(base)) parents.set(base, family)
  }
  return parents
}

/** Undefined when the created samples are not all of the parent's metrics, or the parent has such samples already. */
function* fold(parent: Family, created: Family): Generator<undefined, Family | undefined> {
  const inner = innerLabel(parent.type, parent.name)
  const lastOfMetric = new LabelSetMap<number>(inner)
  for (const [index, { suffix, labels }] of parent.samples.entries()) {
    if (suffix === ending) return undefined
    lastOfMetric.set(labels, index)
    if (index % samplesPerStep === 0) yield
  }
  const createdAfter = new Map<number, Sample[]>()
  for (const [index, sample] of created.samples.entries()) {
    const last = lastOfMetric.get(sample.labels)
    if (last === undefined) return undefined
    const moved: Sample = { ...sample, suffix: ending }
    const already = createdAfter.get(last)
    if (already) already.push(moved)
    else createdAfter.set(last, [moved])
    if (index % samplesPerStep === 0) yield
  }
  const samples: Sample[] = []
  for (const [index, sample] of parent.samples.entries()) {
    samples.push(sample)
    const moved = createdAfter.get(index)
    if (moved) samples.push(...moved)
    if (index % samplesPerStep === 0) yield
  }
  return { ...parent, samples }
}
