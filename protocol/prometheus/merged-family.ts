// Hot path: `join` sees every sample of every scrape.
import type { Family, FamilyType, Labels, Sample } from './family.ts'
import { LabelSetMap, labelText, SampleSet } from './label-set.ts'
import type { ToldApart } from './told-apart.ts'
import { innerLabel, labelValue } from './type-rules.ts'

const samplesPerStep = 128
/** Names for the label, in the order tried: sources may have labels of these names themselves. */
const labelNames = ['source', 'trimtab_source', 'trimtab_trimtab_source']
/** Owner of a metric that exists only because a label was added: whoever brings it natively is told apart in turn. */
const nobody = ''

/** One family of a merge, and which source each of its metrics came from. */
export class MergedFamily implements Family {
  readonly name: string
  readonly firstSource: string
  readonly samples: Sample[] = []
  type: FamilyType
  help: string | undefined
  unit: string | undefined

  /** Metric to source; undefined while all samples are the first source's: most families never need it. */
  #owners: LabelSetMap<string> | undefined
  #joining: Joining | undefined

  constructor(firstSource: string, { name, type }: Family) {
    this.firstSource = firstSource
    this.name = name
    this.type = type
  }

  /** A family of no declared type contradicts none that has plain samples. */
  takes(type: FamilyType): boolean {
    if (type === this.type) return true
    return (isPlain(type) && this.type === 'unknown') || (type === 'unknown' && isPlain(this.type))
  }

  /** Completes what is said about the family by what another says of it. The first word stands. */
  describe({ type, help, unit }: Family): void {
    if (this.type === 'unknown') this.type = type
    if (this.help === undefined || this.help === '') this.help = help ?? this.help
    this.unit ??= unit
  }

  /** Adds a source's samples; returns how many were left out as duplicates. */
  *join(source: string, samples: readonly Sample[], toldApart: ToldApart): Generator<undefined, number> {
    if (source !== this.#joining?.source) this.#joining = new Joining(source, this.#inner())
    if (source !== this.firstSource) yield* this.#noteOwners()
    const joining = this.#joining
    const remembered = toldApart.of(source, this.name)
    let duplicates = 0
    for (let index = 0; index < samples.length; index++) {
      if (index % samplesPerStep === samplesPerStep - 1) yield
      const sample = samples[index]!
      if (!joining.seen.add(sample)) duplicates++
      else if (this.#owners === undefined && remembered === undefined) this.samples.push(sample)
      else if (!this.#pushOwned(joining, sample, toldApart)) duplicates++
    }
    return duplicates
  }

  #inner(): string | undefined {
    return innerLabel(this.type, this.name)
  }

  *#noteOwners(): Generator<undefined, void> {
    if (this.#owners) return
    const owners = new LabelSetMap<string>(this.#inner())
    for (let index = 0; index < this.samples.length; index++) {
      if (index % samplesPerStep === samplesPerStep - 1) yield
      owners.set(this.samples[index]!.labels, this.firstSource)
    }
    this.#owners = owners
  }

  #pushOwned({ source, apart }: Joining, sample: Sample, toldApart: ToldApart): boolean {
    let labelName = apart.get(sample.labels)
    if (labelName === undefined) {
      const metric = labelText(sample.labels, this.#inner())
      const remembered = toldApart.of(source, this.name)?.get(metric)
      const owner = this.#owners?.get(sample.labels)
      if (remembered === undefined && (owner === undefined || owner === source)) {
        this.#owners?.set(sample.labels, source)
        this.samples.push(sample)
        return true
      }
      labelName = this.#labelNameFor(source, sample.labels, remembered)
      if (labelName === undefined) return false
      apart.set(sample.labels, labelName)
      this.#owners?.set([...sample.labels, labelName, source], nobody)
      toldApart.add(source, this.name, metric, labelName)
    }
    this.samples.push({ ...sample, labels: [...sample.labels, labelName, source] })
    return true
  }

  /** Undefined when every name is taken: then the metric cannot be told apart. */
  #labelNameFor(source: string, labels: Labels, remembered: string | undefined): string | undefined {
    const isFree = (name: string) =>
      labelValue(labels, name) === undefined && this.#owners?.get([...labels, name, source]) === undefined
    if (remembered !== undefined && isFree(remembered)) return remembered
    return labelNames.find(isFree)
  }
}

/** The source whose samples are being added. */
class Joining {
  readonly source: string
  readonly seen = new SampleSet()
  /** Metrics of the source to the label name that tells them apart. */
  readonly apart: LabelSetMap<string>

  constructor(source: string, inner: string | undefined) {
    this.source = source
    this.apart = new LabelSetMap(inner)
  }
}

function isPlain(type: FamilyType): boolean {
  return type === 'gauge' || type === 'counter'
}
