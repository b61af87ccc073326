import fc from 'fast-check'
import type { Exemplar, Family, FamilyType, Sample, SampleSuffix } from '../../../../protocol/prometheus/family.ts'

/** Random families for property tests: what either format can say, and what only OpenMetrics can. */

/** Records as a reader makes them, with the usual prototype. */
const plain = { noNullPrototype: true } as const

const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,6}$/)
const labelName = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9_]{0,5}$/).filter(name => name !== 'le' && name !== 'quantile')
const labelValue = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', '"', '\\', '\n', '\\n', 'a="b",}', '# EOF', '\\\\"'),
)
const labels = fc
  .uniqueArray(fc.tuple(labelName, labelValue), { maxLength: 4, selector: ([name]) => name })
  .map(pairs => pairs.flat())
const finite = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 1e300, 5e-324),
)
const anyValue = fc.oneof(finite, fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY))
const positive = fc.oneof(fc.nat(), fc.double({ min: 0, noNaN: true }), fc.constant(Number.POSITIVE_INFINITY))
const bound = fc.constantFrom('0.005', '1', '2.5', '10', '+Inf')
const timestampMs = fc.option(fc.integer({ min: -1e12, max: 4e12 }), { nil: undefined, freq: 4 })
/** A reader of text skips blanks before the help, and takes a carriage return at a line's end for a Windows line end. */
const help = fc.option(
  fc.string({ unit: 'binary', maxLength: 20 }).filter(text => !/^[ \t]|\r$/.test(text)),
  { nil: undefined },
)
const exemplar: fc.Arbitrary<Exemplar | undefined> = fc.option(
  fc.record(
    { labels: fc.constantFrom<string[]>([], ['trace_id', 'abc'], ['a', '"\n']), value: finite, timestampMs },
    plain,
  ),
  { nil: undefined },
)

interface Shape {
  suffix: SampleSuffix
  labels: fc.Arbitrary<string[]>
  value: fc.Arbitrary<number>
  exemplars: boolean
}

const shape = (suffix: SampleSuffix, value: fc.Arbitrary<number>, labelsOf = labels, exemplars = false): Shape => ({
  suffix,
  labels: labelsOf,
  value,
  exemplars,
})
const withLabel = (name: string, value: fc.Arbitrary<string>) =>
  fc
    .tuple(labels, value)
    .map(([others, inner]) => [...others.filter((_, index) => others[index - (index % 2)] !== name), name, inner])

function shapesOf(type: FamilyType, name: string, createdToo: boolean): Shape[] {
  const created = createdToo ? [shape('_created', positive)] : []
  const bucket = (value: fc.Arbitrary<number>) => shape('_bucket', value, withLabel('le', bound), true)
  switch (type) {
    case 'counter':
      return [shape('', positive, labels, true), ...created]
    case 'histogram':
      return [bucket(positive), shape('_sum', anyValue), shape('_count', positive), ...created]
    case 'gaugehistogram':
      return [bucket(anyValue), shape('_gsum', anyValue), shape('_gcount', anyValue)]
    case 'summary':
      return [
        shape('', anyValue, withLabel('quantile', bound)),
        shape('_sum', anyValue),
        shape('_count', positive),
        ...created,
      ]
    case 'stateset':
      return [shape('', fc.constantFrom(0, 1), withLabel(name, labelValue))]
    case 'info':
      return [shape('', fc.constant(1))]
    default:
      return [shape('', anyValue)]
  }
}

function sampleOf(shapes: Shape[], exemplars: boolean): fc.Arbitrary<Sample> {
  return fc.constantFrom(...shapes).chain(({ suffix, labels, value, exemplars: may }) =>
    fc.record(
      {
        suffix: fc.constant(suffix),
        labels,
        value,
        timestampMs,
        exemplar: exemplars && may ? exemplar : fc.constant(undefined),
      },
      plain,
    ),
  )
}

function familyOf(types: readonly FamilyType[], openMetrics: boolean): fc.Arbitrary<Family> {
  const unit = openMetrics ? fc.option(fc.constantFrom('seconds', 'bytes'), { nil: undefined }) : fc.constant(undefined)
  return fc.tuple(word, fc.constantFrom(...types), unit, help).chain(([stem, type, unitDrawn, helpDrawn]) => {
    const unitless = type === 'info' || type === 'stateset' ? undefined : unitDrawn
    const base = unitless === undefined ? stem : `${stem}_${unitless}`
    const name = type === 'counter' ? `${base}_total` : type === 'info' ? `${base}_info` : base
    return fc.record(
      {
        name: fc.constant(name),
        type: fc.constant(type),
        help: fc.constant(helpDrawn),
        unit: fc.constant(unitless),
        samples: fc.array(sampleOf(shapesOf(type, name, openMetrics), openMetrics), { maxLength: 6 }),
      },
      plain,
    )
  })
}

/** Every family in a name space of its own, so that only what a test is about can clash. */
function apart(family: fc.Arbitrary<Family>): fc.Arbitrary<Family[]> {
  return fc.array(family, { maxLength: 6 }).map(families => families.map((each, index) => prefixed(each, `x${index}_`)))
}

function prefixed(family: Family, prefix: string): Family {
  const name = prefix + family.name
  if (family.type !== 'stateset') return { ...family, name }
  const renamed = (label: string, index: number) => (index % 2 === 0 && label === family.name ? name : label)
  return { ...family, name, samples: family.samples.map(each => ({ ...each, labels: each.labels.map(renamed) })) }
}

const textTypes: readonly FamilyType[] = ['counter', 'gauge', 'histogram', 'summary', 'unknown']
const allTypes: readonly FamilyType[] = [...textTypes, 'gaugehistogram', 'info', 'stateset']

export const textFamilies = apart(familyOf(textTypes, false))
export const openMetricsFamilies = apart(familyOf(allTypes, true))

const clashingName = fc.constantFrom(
  'a',
  'a_total',
  'a_created',
  'a_count',
  'a_sum',
  'a_bucket',
  'a_info',
  'b',
  'b_total',
)
/** Families whose names and series get in each other's way, as sources that know nothing of each other bring them. */
export const clashingFamilies: fc.Arbitrary<Family[]> = fc.array(
  fc.tuple(clashingName, fc.constantFrom(...textTypes), fc.boolean()).chain(([name, type, created]) =>
    fc.record({
      name: fc.constant(name),
      type: fc.constant(type),
      help,
      unit: fc.constant(undefined),
      samples: fc.array(sampleOf(shapesOf(type, name, created), false), { maxLength: 4 }),
    }),
  ),
  { maxLength: 6 },
)

const line = fc.oneof(
  fc.constantFrom(
    '# TYPE a counter',
    '# TYPE a_total counter',
    '# TYPE a gauge',
    '# TYPE a histogram',
    '# TYPE a summary',
    '# TYPE a info',
    '# TYPE a stateset',
    '# TYPE a_created gauge',
    '# HELP a help \\" \\n \\',
    '# HELP a',
    '# UNIT a seconds',
    '# EOF',
    '# TYPE a',
    '#',
    '# HELP',
    'a 1',
    'a{} 1',
    'a_total 1 # {trace_id="x"} 1 1',
    'a_bucket{le="1"} 1',
    'a_bucket{le="x"} 1',
    'a_sum 1',
    'a_count NaN',
    'a_created 1',
    'a{a="b",} -Inf 12',
    'a{a="b" 1',
    'a{a="b}',
    'a{quantile="0.5"} 1',
    'a_info{a="\\\\"} 1',
    '\ufeffa 1',
    'a 0x10',
    'a\t1\t',
    '\r',
    '',
  ),
  fc.string({ maxLength: 30 }),
  fc.string({ unit: 'binary', maxLength: 10 }),
)

/** Bodies that are nearly expositions. */
export const garbage = fc
  .tuple(fc.array(line, { maxLength: 30 }), fc.constantFrom('\n', '', '\n# EOF\n', '\r\n'))
  .map(([lines, end]) => lines.join('\n') + end)
