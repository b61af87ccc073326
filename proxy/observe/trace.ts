// Hot path: once per request, before it goes anywhere.
import type { Sampling, TraceContext } from '../../protocol/trace-context/context.ts'
import { pushTraceHeaders, takeTraceHeaders } from '../../protocol/trace-context/headers.ts'
import type { Exchange } from '../exchange.ts'
import type { Ids } from './ids.ts'

export interface TraceSettings {
  /** Share of traces without a decision that are kept, 0..1. */
  sample: number
  /** A server span takes over the id of the client span that called it. */
  sharedSpanContext: boolean
  /** What a gateway does with a context from outside. */
  outsideContext: 'continue' | 'restart'
}

export interface TraceCounters {
  continued: number
  started: number
  malformed: number
  disagreed: number
}

/**
 * Gives the exchange its place in a trace and rewrites the request's trace headers: one new span per hop, no stale header left over.
 * The decision to keep a trace is made here once, when nobody made it before, and by the trace id, so that all proxies agree.
 */
export function placeInTrace(exchange: Exchange, settings: TraceSettings, ids: Ids, counters: TraceCounters): void {
  const { request } = exchange
  const taken = takeTraceHeaders(request.fields)
  counters.malformed += taken.malformed
  if (taken.disagree) counters.disagreed++
  const restart = exchange.direction === 'gateway' && settings.outsideContext === 'restart'
  const incoming = restart ? undefined : taken.context
  if (incoming === undefined) counters.started++
  else counters.continued++

  const traceId = incoming?.traceId ?? ids.traceId()
  const asked = incoming?.sampling ?? (restart ? 'deferred' : (taken.samplingOnly ?? 'deferred'))
  const sampling = asked === 'deferred' ? decide(traceId, settings.sample) : asked
  const shares = incoming !== undefined && exchange.direction === 'inbound' && settings.sharedSpanContext
  const context: TraceContext = {
    traceId,
    spanId: shares ? incoming.spanId : ids.spanId(),
    parentSpanId: incoming === undefined ? '' : shares ? incoming.parentSpanId : incoming.spanId,
    sampling,
    randomTraceId: incoming?.randomTraceId ?? true,
  }
  exchange.traceId = traceId
  exchange.spanId = context.spanId
  exchange.parentSpanId = context.parentSpanId
  exchange.sampled = sampling === 'accepted' || sampling === 'debug'
  exchange.debug = sampling === 'debug'

  const fields = taken.rest
  pushTraceHeaders(fields, context, { b3Single: taken.sawB3Single, tracestate: restart ? undefined : taken.tracestate })
  exchange.requestId = requestIdOf(fields, ids)
  request.fields = fields
}

/** Consistent by trace id: every proxy with the same share decides the same. Uses the low 32 bits, which are random in all id schemes. */
function decide(traceId: string, share: number): Sampling {
  if (share >= 1) return 'accepted'
  if (share <= 0) return 'denied'
  return Number.parseInt(traceId.slice(-8), 16) < share * 4_294_967_296 ? 'accepted' : 'denied'
}

/** The first x-request-id that says something is kept; one without a value is filled in, so that it is never there twice. */
function requestIdOf(fields: string[], ids: Ids): string {
  let empty = -1
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'x-request-id') continue
    if (fields[i + 1] !== '') return fields[i + 1]!
    empty = i + 1
  }
  const requestId = ids.requestId()
  if (empty > 0) fields[empty] = requestId
  else fields.push('x-request-id', requestId)
  return requestId
}
