import { type Family, type Sample, type SampleSuffix, seriesName } from './family.ts'

/** Suffixes that belong to no type of text 0.0.4: such series stand as gauges beside their family, as the Python client writes them. */
const besides: readonly SampleSuffix[] = ['_created', '_gsum', '_gcount']

/**
 * A family as text 0.0.4 can say it: info and stateset become gauges, a gaugehistogram keeps its buckets as a histogram, and what the
 * format has no place for stands beside. Every series keeps its name and value.
 */
export function asTextFamilies(family: Family): Family[] {
  switch (family.type) {
    case 'info':
    case 'stateset':
      return [{ ...family, type: 'gauge' }]
    case 'counter':
    case 'summary':
    case 'histogram':
      return split(family, family)
    case 'gaugehistogram':
      return split(family, { ...family, type: 'histogram' })
    default:
      return [family]
  }
}

function split(family: Family, main: Family): Family[] {
  const found = besides.filter(suffix => family.samples.some(sample => sample.suffix === suffix))
  if (found.length === 0) return [main]
  const inMain = family.samples.filter(({ suffix }) => !besides.includes(suffix))
  return [{ ...main, samples: inMain }, ...found.map(suffix => gaugeOf(family, suffix))]
}

function gaugeOf(family: Family, suffix: SampleSuffix): Family {
  const samples: Sample[] = []
  for (const sample of family.samples) if (sample.suffix === suffix) samples.push({ ...sample, suffix: '' })
  return { name: seriesName(family, suffix), type: 'gauge', help: family.help, unit: undefined, samples }
}
