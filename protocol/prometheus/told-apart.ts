/**
 * Which metrics of a source once had to be told apart from another source's. They stay so: if the label came and went with the other
 * source being up or down, one source's counter would continue the other's series, and every rate over it would be nonsense.
 *
 * Bounded by the length of its keys together; beyond that the family noted first is forgotten, to be noted again when it next meets.
 */
export class ToldApart {
  readonly #lengthMax: number
  #length = 0
  /** Per source and family, metric key to the label name that tells it apart. */
  readonly #families = new Map<string, Map<string, string>>()

  constructor(lengthMax = 1_000_000) {
    this.#lengthMax = lengthMax
  }

  /** Metric key to label name, for one family of one source; undefined when nothing of it was told apart. */
  of(source: string, family: string): ReadonlyMap<string, string> | undefined {
    return this.#families.get(familyKey(source, family))
  }

  add(source: string, family: string, metric: string, labelName: string): void {
    if (metric.length > this.#lengthMax) return
    const key = familyKey(source, family)
    let metrics = this.#families.get(key)
    if (metrics?.get(metric) === labelName) return
    if (!metrics) {
      metrics = new Map()
      this.#families.set(key, metrics)
    }
    if (!metrics.has(metric)) this.#length += metric.length + 1
    metrics.set(metric, labelName)
    while (this.#length > this.#lengthMax && this.#forgetFirst()) {}
  }

  #forgetFirst(): boolean {
    const first = this.#families.entries().next()
    if (first.done) return false
    const [key, metrics] = first.value
    this.#families.delete(key)
    for (const metric of metrics.keys()) this.#length -= metric.length + 1
    return true
  }
}

function familyKey(source: string, family: string): string {
  return `${source.length}:${source}${family}`
}
