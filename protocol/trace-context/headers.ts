// Hot path: one pass over the header fields of each request.
import { type B3Multi, formatB3Single, pushB3Multi, readB3Multi, readB3Single } from './b3.ts'
import type { Reading, Sampling, TraceContext } from './context.ts'
import { formatTraceparent, readTraceparent, tracestateIsPassedOn } from './w3c.ts'

export type TraceFormat = 'b3' | 'b3multi' | 'w3c'
export const readingOrder: readonly TraceFormat[] = ['b3', 'b3multi', 'w3c']

/** The trace headers of one request, taken out of its fields. */
export interface TraceHeaders {
  /** The valid context that won, or undefined. */
  context: TraceContext | undefined
  /** A decision that came without ids; undefined when none. */
  samplingOnly: Sampling | undefined
  /** Formats that came in valid, to be rewritten on the way out. */
  sawB3Single: boolean
  tracestate: string | undefined
  /** Formats that were there and broken; and whether two valid ones named different traces. Counted by the caller. */
  malformed: number
  disagree: boolean
  /** The other fields, in their order: the array that was given, when there were no others. */
  rest: string[]
}

/**
 * Takes every trace header out of flat, lower-case header fields and reads them in the order given. Of a repeated header the first valid
 * value is used; all are taken out, so that no stale one is ever passed on.
 */
export function takeTraceHeaders(fields: string[], order: readonly TraceFormat[] = readingOrder): TraceHeaders {
  const found = collect(fields)
  const taken: TraceHeaders = {
    context: undefined,
    samplingOnly: undefined,
    sawB3Single: found.b3.length > 0,
    tracestate: undefined,
    malformed: 0,
    disagree: false,
    rest: found.rest,
  }
  if (!found.any) return taken
  let parent: TraceContext | undefined
  for (const format of order) {
    const reading = readFormat(format, found)
    if (reading.status === 'malformed') taken.malformed++
    else if (reading.status === 'sampling') {
      taken.samplingOnly ??= reading.sampling
      if (taken.context?.sampling === 'deferred') taken.context.sampling = reading.sampling
    } else if (reading.status === 'context') {
      if (format === 'w3c') parent = reading.context
      if (taken.context === undefined) taken.context = decided(reading.context, taken.samplingOnly)
      else if (sameTrace(taken.context.traceId, reading.context.traceId)) learn(taken.context, reading.context)
      else taken.disagree = true
    }
  }
  if (parent !== undefined && sameTrace(parent.traceId, taken.context!.traceId))
    taken.tracestate = tracestateOf(found.tracestate)
  return taken
}

/** What a context does not say, another format that names the same trace may: the decision, and that the id is random. */
function learn(context: TraceContext, other: TraceContext): void {
  if (context.sampling === 'deferred') context.sampling = other.sampling
  if (context.traceId === other.traceId) context.randomTraceId ||= other.randomTraceId
}

/** tracestate belongs to the traceparent beside it: it goes on only with that one's trace. */
function tracestateOf(values: readonly string[]): string | undefined {
  const tracestate = values.filter(value => value !== '').join(',')
  return tracestate !== '' && tracestateIsPassedOn(tracestate) ? tracestate : undefined
}

/** Appends the outgoing trace headers: multi B3 and traceparent always, single B3 when it came in. */
export function pushTraceHeaders(
  fields: string[],
  context: TraceContext,
  { b3Single, tracestate }: { b3Single: boolean; tracestate: string | undefined },
): void {
  pushB3Multi(fields, context)
  fields.push('traceparent', formatTraceparent(context))
  if (b3Single) fields.push('b3', formatB3Single(context))
  if (tracestate !== undefined) fields.push('tracestate', tracestate)
}

/** A decision without ids (`b3: 0`) holds for the ids that another format brings. */
function decided(context: TraceContext, sampling: Sampling | undefined): TraceContext {
  return sampling === undefined ? context : { ...context, sampling }
}

interface Found {
  any: boolean
  b3: string[]
  traceIds: string[]
  spanIds: string[]
  parentSpanIds: string[]
  sampled: string[]
  flags: string[]
  traceparent: string[]
  tracestate: string[]
  rest: string[]
}

const none: string[] = []

function collect(fields: string[]): Found {
  const found: Found = {
    any: false,
    b3: none,
    traceIds: none,
    spanIds: none,
    parentSpanIds: none,
    sampled: none,
    flags: none,
    traceparent: none,
    tracestate: none,
    rest: fields,
  }
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    const value = fields[i + 1]!
    if (!takeOne(found, name, value)) {
      if (found.rest !== fields) found.rest.push(name, value)
    } else if (found.rest === fields) found.rest = fields.slice(0, i)
  }
  return found
}

function takeOne(found: Found, name: string, value: string): boolean {
  const first = name.charCodeAt(0)
  if (first !== 98 /* b */ && first !== 116 /* t */ && first !== 120 /* x */) return false
  switch (name) {
    case 'b3':
      found.b3 = [...found.b3, value]
      break
    case 'x-b3-traceid':
      found.traceIds = [...found.traceIds, value]
      break
    case 'x-b3-spanid':
      found.spanIds = [...found.spanIds, value]
      break
    case 'x-b3-parentspanid':
      found.parentSpanIds = [...found.parentSpanIds, value]
      break
    case 'x-b3-sampled':
      found.sampled = [...found.sampled, value]
      break
    case 'x-b3-flags':
      found.flags = [...found.flags, value]
      break
    case 'traceparent':
      found.traceparent = [...found.traceparent, value]
      break
    case 'tracestate':
      found.tracestate = [...found.tracestate, value]
      break
    default:
      return false
  }
  found.any = true
  return true
}

function readFormat(format: TraceFormat, found: Found): Reading {
  switch (format) {
    case 'b3':
      return firstValid(found.b3, readB3Single)
    case 'b3multi':
      return firstValidMulti(found)
    case 'w3c':
      return firstValid(found.traceparent, readTraceparent)
  }
}

function firstValid(values: readonly string[], read: (value: string | undefined) => Reading): Reading {
  if (values.length <= 1) return read(values[0])
  const readings = values.map(read)
  return readings.find(reading => reading.status !== 'malformed') ?? readings[0]!
}

/** Repeated X-B3 headers: the rows that stand together (first with first) are tried in turn; ids and decision of one row belong together. */
function firstValidMulti(found: Found): Reading {
  const rows = Math.max(
    found.traceIds.length,
    found.spanIds.length,
    found.parentSpanIds.length,
    found.sampled.length,
    found.flags.length,
    1,
  )
  let first: Reading | undefined
  for (let row = 0; row < rows; row++) {
    const reading = readB3Multi(multiRow(found, row))
    if (reading.status !== 'malformed') return reading
    first ??= reading
  }
  return first!
}

function multiRow(found: Found, row: number): B3Multi {
  return {
    traceId: found.traceIds[row] ?? found.traceIds[0],
    spanId: found.spanIds[row] ?? found.spanIds[0],
    parentSpanId: found.parentSpanIds[row] ?? found.parentSpanIds[0],
    sampled: found.sampled[row] ?? found.sampled[0],
    flags: found.flags[row] ?? found.flags[0],
  }
}

/** The same trace, whether its id is written with 64 or with 128 bits. */
function sameTrace(a: string, b: string): boolean {
  return a.slice(-16) === b.slice(-16)
}
