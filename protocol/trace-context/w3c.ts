import { absent, malformed, type Reading, readId, type TraceContext } from './context.ts'

const isLowerHex = /^[0-9a-f]+$/
const SAMPLED = 1
const RANDOM_TRACE_ID = 2

/**
 * Reads traceparent (W3C Trace Context level 2, section 3.2): `{version}-{32}-{16}-{flags}`. Version ff is invalid; a version above 00 may
 * carry more after the flags, 00 may not. Upper-case hex is invalid here, unlike in B3.
 */
export function readTraceparent(value: string | undefined): Reading {
  if (value === undefined) return absent
  if (value.length < 55 || value[2] !== '-' || value[35] !== '-' || value[52] !== '-') return malformed
  const version = value.slice(0, 2)
  if (!isLowerHex.test(version) || version === 'ff') return malformed
  if (value.length > 55 && (version === '00' || value[55] !== '-')) return malformed
  const traceIdText = value.slice(3, 35)
  const spanIdText = value.slice(36, 52)
  const flags = value.slice(53, 55)
  if (!isLowerHex.test(flags)) return malformed
  const traceId = readId(traceIdText, 32)
  const spanId = readId(spanIdText, 16)
  if (traceId !== traceIdText || spanId !== spanIdText) return malformed
  const bits = Number.parseInt(flags, 16)
  const sampling = bits & SAMPLED ? 'accepted' : 'denied'
  const randomTraceId = (bits & RANDOM_TRACE_ID) !== 0
  return { status: 'context', context: { traceId, spanId, parentSpanId: '', sampling, randomTraceId } }
}

/**
 * traceparent of a context; a 64-bit trace id is padded with zeros on the left. An undecided trace is sent as not sampled. Of the flags only
 * the two that have a meaning are sent: the others must be zero (section 3.2.2.5.3).
 */
export function formatTraceparent({ traceId, spanId, sampling, randomTraceId }: TraceContext): string {
  const bits = (sampling === 'accepted' || sampling === 'debug' ? SAMPLED : 0) | (randomTraceId ? RANDOM_TRACE_ID : 0)
  return `00-${traceId.length === 16 ? `0000000000000000${traceId}` : traceId}-${spanId}-0${bits}`
}

/** tracestate may have 32 members (section 3.3.1.1) and is passed on unchanged up to 512 characters, the least that everyone must carry. */
export function tracestateIsPassedOn(value: string): boolean {
  return value.length <= 512 && value.split(',').length <= 32
}
