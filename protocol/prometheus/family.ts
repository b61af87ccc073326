/**
 * The family model: what an exposition says, free of the format that said it.
 *
 * A family bears the name under which Prometheus stores its main series: a counter's with `_total` (when it has one), an info's
 * with `_info`. Text names its families so; OpenMetrics leaves those endings out of HELP and TYPE. The model follows the series,
 * because series are what queries and alerts are written against.
 */
export type FamilyType =
  | 'counter'
  | 'gauge'
  | 'histogram'
  | 'gaugehistogram'
  | 'summary'
  | 'info'
  | 'stateset'
  | 'unknown'

/** What a sample's series adds to its family's name. Counters and infos carry their ending in the name, see above. */
export type SampleSuffix = '' | '_bucket' | '_sum' | '_count' | '_gsum' | '_gcount' | '_created'

/** Label names and values in turn, in the order of the source: `['method', 'GET', 'code', '200']`. Names are unique. */
export type Labels = readonly string[]

export interface Exemplar {
  readonly labels: Labels
  readonly value: number
  /** Since 1970. */
  readonly timestampMs: number | undefined
}

export interface Sample {
  readonly suffix: SampleSuffix
  readonly labels: Labels
  readonly value: number
  /** Since 1970; undefined as a rule: the scraper's clock counts then. */
  readonly timestampMs: number | undefined
  readonly exemplar: Exemplar | undefined
}

export interface Family {
  readonly name: string
  readonly type: FamilyType
  readonly help: string | undefined
  /** OpenMetrics only. */
  readonly unit: string | undefined
  readonly samples: readonly Sample[]
}

/** The name as OpenMetrics writes it in HELP, TYPE and UNIT, and to which `_created` is appended. */
export function baseName({ name, type }: Pick<Family, 'name' | 'type'>): string {
  if (type === 'counter') return withoutEnding(name, '_total')
  if (type === 'info') return withoutEnding(name, '_info')
  return name
}

function withoutEnding(name: string, ending: string): string {
  return name.length > ending.length && name.endsWith(ending) ? name.slice(0, -ending.length) : name
}

/** The name of the series that samples with this suffix belong to. */
export function seriesName(family: Pick<Family, 'name' | 'type'>, suffix: SampleSuffix): string {
  if (suffix === '') return family.name
  return suffix === '_created' ? `${baseName(family)}_created` : family.name + suffix
}

const suffixesOfType: Readonly<Record<FamilyType, readonly SampleSuffix[]>> = {
  counter: ['', '_created'],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count', '_created'],
  gaugehistogram: ['_bucket', '_gsum', '_gcount'],
  summary: ['', '_sum', '_count', '_created'],
  info: [''],
  stateset: [''],
  unknown: [''],
}

/** The suffixes that samples of a family of this type may have. */
export function suffixesOf(type: FamilyType): readonly SampleSuffix[] {
  return suffixesOfType[type]
}

/**
 * The same samples as plain families of no declared type, one for each series name: what is left of a family that breaks its type's
 * rules, or whose type cannot be said beside another family's. The series stay what they were; only what was said about them goes.
 */
export function asPlainFamilies(family: Family): Family[] {
  const plain = new Map<SampleSuffix, Sample[]>()
  for (const sample of family.samples) {
    const already = plain.get(sample.suffix)
    const stripped: Sample = sample.suffix === '' ? sample : { ...sample, suffix: '' }
    if (already) already.push(stripped)
    else plain.set(sample.suffix, [stripped])
  }
  return [...plain].map(([suffix, samples]) => ({
    name: seriesName(family, suffix),
    type: 'unknown',
    help: family.help,
    unit: undefined,
    samples,
  }))
}
