import type { Family } from '../../../../protocol/prometheus/family.ts'
import { type Contribution, Merge, type MergeOptions } from '../../../../protocol/prometheus/merge.ts'

/** Merges in one go: what tests of the outcome need, whatever the steps. */
export function merged(
  sources: Record<string, readonly Family[]>,
  options: MergeOptions = { conflicts: 'drop' },
): { families: Family[]; contributions: Record<string, Contribution> } {
  const merge = new Merge(options)
  const contributions: Record<string, Contribution> = {}
  for (const [source, families] of Object.entries(sources)) contributions[source] = finish(merge.add(source, families))
  return { families: merge.families(), contributions }
}

function finish<T>(steps: Generator<unknown, T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}
