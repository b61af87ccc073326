import { absent, malformed, type Reading, readId, readTraceId, type Sampling, type TraceContext } from './context.ts'

/** Reads the single header: `{traceId}-{spanId}[-{0|1|d}[-{parentSpanId}]]`, or only `0`, `1` or `d`. */
export function readB3Single(value: string | undefined): Reading {
  if (value === undefined) return absent
  if (value.length === 1) {
    const sampling = samplingOfLetter(value)
    return sampling === undefined ? malformed : { status: 'sampling', sampling }
  }
  const parts = value.split('-', 5)
  if (parts.length < 2 || parts.length > 4) return malformed
  const traceId = readTraceId(parts[0]!)
  const spanId = readId(parts[1]!, 16)
  if (traceId === undefined || spanId === undefined) return malformed
  const sampling = parts.length > 2 ? samplingOfLetter(parts[2]!) : 'deferred'
  const parentSpanId = parts.length > 3 ? readId(parts[3]!, 16) : ''
  if (sampling === undefined || parentSpanId === undefined) return malformed
  return { status: 'context', context: { traceId, spanId, parentSpanId, sampling, randomTraceId: false } }
}

function samplingOfLetter(letter: string): Sampling | undefined {
  switch (letter) {
    case '0':
      return 'denied'
    case '1':
      return 'accepted'
    case 'd':
      return 'debug'
    default:
      return undefined
  }
}

/** The X-B3-* headers, each absent or with its value. */
export interface B3Multi {
  traceId: string | undefined
  spanId: string | undefined
  parentSpanId: string | undefined
  sampled: string | undefined
  flags: string | undefined
}

/** Reads the X-B3-* headers. A trace id without a span id, or the other way round, is malformed; an empty parent counts as absent. */
export function readB3Multi(headers: B3Multi): Reading {
  const sampling = multiSampling(headers)
  if (sampling === undefined) return malformed
  if (headers.traceId === undefined && headers.spanId === undefined) {
    if (headers.parentSpanId !== undefined) return malformed
    return sampling === 'deferred' ? absent : { status: 'sampling', sampling }
  }
  const traceId = headers.traceId === undefined ? undefined : readTraceId(headers.traceId)
  const spanId = headers.spanId === undefined ? undefined : readId(headers.spanId, 16)
  if (traceId === undefined || spanId === undefined) return malformed
  const parentSpanId = headers.parentSpanId ? readId(headers.parentSpanId, 16) : ''
  if (parentSpanId === undefined) return malformed
  return { status: 'context', context: { traceId, spanId, parentSpanId, sampling, randomTraceId: false } }
}

function multiSampling({ sampled, flags }: B3Multi): Sampling | undefined {
  if (flags === '1') return 'debug'
  switch (sampled) {
    case undefined:
      return 'deferred'
    case '1':
    case 'true':
      return 'accepted'
    case '0':
    case 'false':
      return 'denied'
    case 'd':
      return 'debug'
    default:
      return undefined
  }
}

/** The single header for a context. */
export function formatB3Single({ traceId, spanId, parentSpanId, sampling }: TraceContext): string {
  const letter = sampling === 'debug' ? 'd' : sampling === 'accepted' ? '1' : '0'
  if (sampling === 'deferred') return `${traceId}-${spanId}`
  return parentSpanId === '' ? `${traceId}-${spanId}-${letter}` : `${traceId}-${spanId}-${letter}-${parentSpanId}`
}

/** Appends the X-B3-* headers of a context to flat header fields. A root has no parent header; debug sends the flag and no Sampled. */
export function pushB3Multi(fields: string[], { traceId, spanId, parentSpanId, sampling }: TraceContext): void {
  fields.push('x-b3-traceid', traceId, 'x-b3-spanid', spanId)
  if (parentSpanId !== '') fields.push('x-b3-parentspanid', parentSpanId)
  if (sampling === 'debug') fields.push('x-b3-flags', '1')
  else if (sampling !== 'deferred') fields.push('x-b3-sampled', sampling === 'accepted' ? '1' : '0')
}
