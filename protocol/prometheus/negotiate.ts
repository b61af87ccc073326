import type { ExpositionFormat } from './format.ts'

export interface Negotiated {
  format: ExpositionFormat
  /** For the answer's Content-Type. Prometheus 3 refuses a blank one. */
  contentType: string
}

interface Offer extends Negotiated {
  type: string
  version: string
}

const offer = (format: ExpositionFormat, type: string, version: string): Offer => ({
  format,
  type,
  version,
  contentType: `${type}; version=${version}; charset=utf-8`,
})

/** What we can write, the one that serves an undecided scraper first. */
const text = offer('text', 'text/plain', '0.0.4')
const offers: readonly Offer[] = [
  text,
  offer('openmetrics', 'application/openmetrics-text', '1.0.0'),
  offer('openmetrics', 'application/openmetrics-text', '0.0.1'),
]

/**
 * The format that an Accept header asks for (RFC 9110, 12.5.1). A format's quality is that of the most specific range naming it; the
 * highest quality wins, then the more specific range, then the range that stands first. Formats that we do not write (protobuf,
 * other versions) are passed over. When nothing is acceptable the answer is text: a scraper that asks oddly still gets its metrics.
 */
export function negotiate(accept: string | undefined): Negotiated {
  const ranges = (accept ?? '').split(',').map(readRange)
  let best: Match | undefined
  for (const candidate of offers) {
    const match = bestMatch(candidate, ranges)
    if (match && match.quality > 0 && (!best || precedes(match, best))) best = match
  }
  const { format, contentType } = best?.offer ?? text
  return { format, contentType }
}

interface Range {
  type: string
  version: string | undefined
  quality: number
}

interface Match {
  offer: Offer
  quality: number
  specificity: number
  position: number
}

function bestMatch(candidate: Offer, ranges: readonly Range[]): Match | undefined {
  let best: Match | undefined
  ranges.forEach(({ type, version, quality }, position) => {
    const specificity = specificityFor(candidate, type, version)
    if (specificity === undefined) return
    const sameRangeButBetter = specificity === best?.specificity && quality > best.quality
    if (!best || specificity > best.specificity || sameRangeButBetter) {
      best = { offer: candidate, quality, specificity, position }
    }
  })
  return best
}

function precedes(one: Match, other: Match): boolean {
  if (one.quality !== other.quality) return one.quality > other.quality
  if (one.specificity !== other.specificity) return one.specificity > other.specificity
  return one.position < other.position
}

/** Undefined when the range does not cover the offer. */
function specificityFor(candidate: Offer, type: string, version: string | undefined): number | undefined {
  if (type === candidate.type) {
    if (version === undefined) return 2
    return version === candidate.version ? 3 : undefined
  }
  if (type === '*/*') return 0
  return type.endsWith('/*') && candidate.type.startsWith(type.slice(0, -1)) ? 1 : undefined
}

function readRange(range: string): Range {
  const [type = '', ...parameters] = range.split(';').map(part => part.trim().toLowerCase())
  const value = (name: string) => {
    const found = parameters.find(parameter => parameter.startsWith(`${name}=`))
    return found?.slice(name.length + 1).replaceAll('"', '')
  }
  return { type, version: value('version'), quality: readQuality(value('q')) }
}

/** Between 0 and 1. What is no such number counts as not given; so does a long one, which would cost more to read than it can say. */
function readQuality(text: string | undefined): number {
  if (text === undefined || text.length > 16 || !/^\d*\.?\d+$|^\d+\.$/.test(text)) return 1
  return Math.min(Number(text), 1)
}
