// Hot path: every label of every scrape is hashed here, which is why label sets are not simply put into one string each.
import type { Labels, Sample } from './family.ts'

/**
 * Label sets as keys. The order of labels counts for nothing, and one label may be left out: the inner one (`le`, `quantile`), which
 * tells the samples of one metric apart and not the metrics.
 *
 * Looked up by a 30-bit hash. Sets that share a hash without being equal go by their text instead, so that a source cannot make this
 * slow by choosing its labels.
 */
export class LabelSetMap<V> {
  readonly #inner: string | undefined
  readonly #byHash = new Map<number, { labels: Labels; value: V }>()
  readonly #byText = new Map<string, V>()

  constructor(inner: string | undefined) {
    this.#inner = inner
  }

  get(labels: Labels): V | undefined {
    const entry = this.#byHash.get(hashOf(labels, this.#inner))
    if (entry === undefined) return undefined
    if (sameLabels(entry.labels, labels, this.#inner)) return entry.value
    return this.#byText.get(labelText(labels, this.#inner))
  }

  set(labels: Labels, value: V): void {
    const hash = hashOf(labels, this.#inner)
    const entry = this.#byHash.get(hash)
    if (entry === undefined) this.#byHash.set(hash, { labels, value })
    else if (sameLabels(entry.labels, labels, this.#inner)) entry.value = value
    else this.#byText.set(labelText(labels, this.#inner), value)
  }
}

/** The samples of one family that were seen, by series and time; their values count for nothing. */
export class SampleSet {
  readonly #byHash = new Map<number, Sample>()
  readonly #byText = new Set<string>()

  /** Whether the sample is the first of its series and time. */
  add(sample: Sample): boolean {
    const { suffix, labels, timestampMs } = sample
    const place = suffix.length + (timestampMs === undefined ? 0 : timestampMs % 1_000_003)
    const hash = (hashOf(labels, undefined) + Math.imul(place, 0x9e3779b1)) & smallest30Bits
    const first = this.#byHash.get(hash)
    if (first === undefined) {
      this.#byHash.set(hash, sample)
      return true
    }
    if (first.suffix === suffix && first.timestampMs === timestampMs && sameLabels(first.labels, labels, undefined)) {
      return false
    }
    const text = `${suffix}@${timestampMs}:${labelText(labels, undefined)}`
    if (this.#byText.has(text)) return false
    this.#byText.add(text)
    return true
  }
}

/**
 * A label set without its inner label as one string, the same for every order. Values are preceded by their length, so that none can
 * imitate a boundary.
 */
export function labelText(labels: Labels, inner: string | undefined): string {
  const pairs: [string, string][] = []
  for (let index = 0; index < labels.length; index += 2) {
    if (labels[index] !== inner) pairs.push([labels[index]!, labels[index + 1]!])
  }
  pairs.sort(([one], [other]) => (one < other ? -1 : 1))
  return pairs.map(([name, value]) => `${name}=${value.length}:${value}`).join()
}

/** Hash keys stay small integers, which cost a Map no allocation. */
const smallest30Bits = 0x3fffffff
const fnvPrime = 16_777_619

/** A sum over the labels, so that their order counts for nothing. */
function hashOf(labels: Labels, inner: string | undefined): number {
  let sum = labels.length
  for (let index = 0; index < labels.length; index += 2) {
    const name = labels[index]!
    if (inner !== undefined && name === inner) {
      sum -= 2
      continue
    }
    const pair = hashText(labels[index + 1]!, hashText(name, 0x811c9dc5))
    sum = (sum + Math.imul(pair ^ (pair >>> 15), 0x2c1b3c6d)) | 0
  }
  return sum & smallest30Bits
}

function hashText(text: string, seed: number): number {
  let hash = seed
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), fnvPrime)
  return hash
}

function sameLabels(some: Labels, others: Labels, inner: string | undefined): boolean {
  return (
    coveredBy(some, others, inner) &&
    (inner === undefined ? some.length === others.length : coveredBy(others, some, inner))
  )
}

/** Whether every label of the one set, the inner one aside, is in the other with the same value. Names are unique within a set. */
function coveredBy(some: Labels, others: Labels, inner: string | undefined): boolean {
  for (let index = 0; index < some.length; index += 2) {
    const name = some[index]
    if (inner !== undefined && name === inner) continue
    let at = index
    if (others[at] !== name) {
      at = 0
      while (at < others.length && others[at] !== name) at += 2
    }
    if (at >= others.length || others[at + 1] !== some[index + 1]) return false
  }
  return true
}
