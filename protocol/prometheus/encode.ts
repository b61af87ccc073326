// Hot path: every sample of every scrape is written here.
import { baseName, type Family, type FamilyType, type Labels, type Sample, seriesName } from './family.ts'
import type { ExpositionFormat } from './format.ts'
import { formatValue } from './number.ts'
import { asOpenMetricsFamilies, openMetricsCounterName } from './open-metrics-families.ts'
import { asTextFamilies } from './text-families.ts'

/** Samples written between two pauses: some 0.1 ms of work. */
const samplesPerStep = 128

/**
 * Writes families as one exposition, ended as its format demands. The families must be as a merge leaves them: names unique, no two
 * of one series name.
 *
 * A bucket's `le` is written as it was read. OpenMetrics would like `1.0` where text says `1`, but a series that changes its labels
 * with the scraper's Accept header breaks every query on it.
 */
export function encode(families: readonly Family[], format: ExpositionFormat): string {
  let whole = ''
  for (const chunk of encodeSteps(families, format)) whole += chunk
  return whole
}

/** The same in pieces, to be joined; each takes well under a millisecond to write. */
export function* encodeSteps(families: readonly Family[], format: ExpositionFormat): Generator<string, void> {
  const writer = format === 'text' ? textWriter : openMetricsWriter
  let chunk = ''
  let samplesInChunk = 0
  const said = format === 'text' ? textFamilies(families) : yield* asOpenMetricsFamilies(families)
  for (const family of said) {
    const series = new SeriesNames(family, writer)
    chunk += writer.metadata(family)
    for (const sample of family.samples) {
      chunk += writer.sample(series.nameOf(sample), family.type, sample)
      if (++samplesInChunk % samplesPerStep !== 0) continue
      yield chunk
      chunk = ''
    }
    // Families without samples are work as well.
    samplesInChunk++
  }
  yield chunk + writer.end
}

function* textFamilies(families: readonly Family[]): Generator<Family, void> {
  for (const family of families) yield* asTextFamilies(family)
}

interface Writer {
  metadata(family: Family): string
  seriesName(family: Family, suffix: Sample['suffix']): string
  sample(name: string, type: FamilyType, sample: Sample): string
  end: string
}

const textWriter: Writer = {
  metadata({ name, type, help }) {
    const helpLine = help === undefined ? '' : `# HELP ${name} ${escapeHelp(help)}\n`
    return `${helpLine}# TYPE ${name} ${type === 'unknown' ? 'untyped' : type}\n`
  },
  seriesName,
  sample(name, _type, { labels, value, timestampMs }) {
    const time = timestampMs === undefined ? '' : ` ${timestampMs}`
    return `${name}${block(labels)} ${formatValue(value)}${time}\n`
  },
  end: '',
}

const openMetricsWriter: Writer = {
  metadata(family) {
    const name = baseName(family)
    const { type, help, unit } = family
    const unitLine = unit !== undefined && mayHaveUnit(family, unit) ? `# UNIT ${name} ${unit}\n` : ''
    const helpLine = help === undefined ? '' : `# HELP ${name} ${escapeHelp(help).replaceAll('"', '\\"')}\n`
    return `# TYPE ${name} ${type}\n${unitLine}${helpLine}`
  },
  seriesName(family, suffix) {
    return family.type === 'counter' && suffix === '' ? openMetricsCounterName(family) : seriesName(family, suffix)
  },
  sample(name, type, { suffix, labels, value, timestampMs, exemplar }) {
    const time = timestampMs === undefined ? '' : ` ${formatValue(timestampMs / 1000)}`
    const line = `${name}${block(labels)} ${formatValue(value)}${time}`
    if (exemplar === undefined || !(suffix === '_bucket' || (type === 'counter' && suffix === ''))) return `${line}\n`
    const exemplarTime = exemplar.timestampMs === undefined ? '' : ` ${formatValue(exemplar.timestampMs / 1000)}`
    return `${line} # {${list(exemplar.labels)}} ${formatValue(exemplar.value)}${exemplarTime}\n`
  },
  end: '# EOF\n',
}

/** OpenMetrics: the unit ends the name, and infos and states have none. */
function mayHaveUnit(family: Family, unit: string): boolean {
  if (family.type === 'info' || family.type === 'stateset') return false
  return unit !== '' && baseName(family).endsWith(`_${unit}`)
}

/** A family's few series names, put together once and not once a sample. */
class SeriesNames {
  readonly #family: Family
  readonly #writer: Writer
  readonly #names = new Map<Sample['suffix'], string>()

  constructor(family: Family, writer: Writer) {
    this.#family = family
    this.#writer = writer
  }

  nameOf({ suffix }: Sample): string {
    const known = this.#names.get(suffix)
    if (known !== undefined) return known
    const name = this.#writer.seriesName(this.#family, suffix)
    this.#names.set(suffix, name)
    return name
  }
}

function block(labels: Labels): string {
  return labels.length === 0 ? '' : `{${list(labels)}}`
}

function list(labels: Labels): string {
  let text = ''
  for (let index = 0; index < labels.length; index += 2) {
    text += `${index === 0 ? '' : ','}${labels[index]}="${escapeLabelValue(labels[index + 1]!)}"`
  }
  return text
}

const inNeedOfEscape = /["\\\n]/

function escapeLabelValue(value: string): string {
  return inNeedOfEscape.test(value) ? escapeHelp(value).replaceAll('"', '\\"') : value
}

function escapeHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
