// Hot path: every sample of every scrape is written here.
import { ByteWriter } from './byte-writer.ts'
import {
  baseName,
  type Exemplar,
  type Family,
  type Labels,
  type Sample,
  type SampleSuffix,
  seriesName,
} from './family.ts'
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
  return Buffer.concat([...encodeSteps(families, format)]).toString()
}

/** The same as UTF-8 in pieces, to be joined; each takes well under a millisecond to write. */
export function* encodeSteps(families: readonly Family[], format: ExpositionFormat): Generator<Buffer, void> {
  const writer = format === 'text' ? textWriter : openMetricsWriter
  const said = format === 'text' ? textFamilies(families) : yield* asOpenMetricsFamilies(families)
  const out = new ByteWriter()
  let written = 0
  for (const family of said) {
    writer.metadata(out, family)
    // Families without samples are work as well.
    written++
    const names = new SeriesNames(family, writer)
    for (const sample of family.samples) {
      if (++written % samplesPerStep === 0) yield out.take()
      writer.sample(out, names.of(sample.suffix), family, sample)
    }
  }
  out.text(writer.end)
  yield out.take()
}

function* textFamilies(families: readonly Family[]): Generator<Family, void> {
  for (const family of families) yield* asTextFamilies(family)
}

interface Writer {
  metadata(out: ByteWriter, family: Family): void
  seriesName(family: Family, suffix: SampleSuffix): string
  sample(out: ByteWriter, name: string, family: Family, sample: Sample): void
  end: string
}

const textWriter: Writer = {
  metadata(out, { name, type, help }) {
    if (help !== undefined) {
      out.text(`# HELP ${name} `)
      out.escaped(help)
      out.text('\n')
    }
    out.text(`# TYPE ${name} ${type === 'unknown' ? 'untyped' : type}\n`)
  },
  seriesName,
  sample(out, name, _family, { labels, value, timestampMs }) {
    writeSeries(out, name, labels)
    out.text(formatValue(value))
    if (timestampMs !== undefined) out.text(` ${timestampMs}`)
    out.text('\n')
  },
  end: '',
}

const openMetricsWriter: Writer = {
  metadata(out, family) {
    const name = baseName(family)
    const { type, help, unit } = family
    out.text(`# TYPE ${name} ${type}\n`)
    if (unit !== undefined && mayHaveUnit(family, unit)) out.text(`# UNIT ${name} ${unit}\n`)
    if (help !== undefined) {
      out.text(`# HELP ${name} `)
      out.escapedQuoted(help)
      out.text('\n')
    }
  },
  seriesName(family, suffix) {
    return family.type === 'counter' && suffix === '' ? openMetricsCounterName(family) : seriesName(family, suffix)
  },
  sample(out, name, { type }, { suffix, labels, value, timestampMs, exemplar }) {
    writeSeries(out, name, labels)
    out.text(formatValue(value))
    writeSeconds(out, timestampMs)
    if (exemplar !== undefined && (suffix === '_bucket' || (type === 'counter' && suffix === '')))
      writeExemplar(out, exemplar)
    out.text('\n')
  },
  end: '# EOF\n',
}

function writeExemplar(out: ByteWriter, { labels, value, timestampMs }: Exemplar): void {
  out.text(' # {')
  writeLabels(out, labels)
  out.text(`} ${formatValue(value)}`)
  writeSeconds(out, timestampMs)
}

function writeSeconds(out: ByteWriter, timestampMs: number | undefined): void {
  if (timestampMs !== undefined) out.text(` ${formatValue(timestampMs / 1000)}`)
}

function writeSeries(out: ByteWriter, name: string, labels: Labels): void {
  out.text(name)
  if (labels.length > 0) {
    out.text('{')
    writeLabels(out, labels)
    out.text('} ')
  } else {
    out.text(' ')
  }
}

function writeLabels(out: ByteWriter, labels: Labels): void {
  for (let index = 0; index < labels.length; index += 2) {
    if (index > 0) out.text(',')
    out.label(labels[index]!, labels[index + 1]!)
  }
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
  #lastSuffix: SampleSuffix | undefined
  #lastName = ''

  constructor(family: Family, writer: Writer) {
    this.#family = family
    this.#writer = writer
  }

  of(suffix: SampleSuffix): string {
    if (suffix !== this.#lastSuffix) {
      this.#lastSuffix = suffix
      this.#lastName = this.#writer.seriesName(this.#family, suffix)
    }
    return this.#lastName
  }
}
