import type { IncomingHttpHeaders } from 'node:http'
import {
  type Context,
  createContextKey,
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type SpanContext,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3'

export type SamplingState = 'deferred' | 'denied' | 'accepted' | 'debug'

const b3 = new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER })
const w3c = new W3CTraceContextPropagator()
const DEBUG = createContextKey('the caller asked for debug')
const DENIED = createContextKey('the caller denied sampling without naming a trace')

/**
 * The trace context that a request carries: B3 (single, then multi header) before traceparent.
 *
 * The OpenTelemetry propagator reads an absent sampling state as "not sampled", although B3 means "decide where
 * you are", and forgets `d` between the single and the multi form. Both are mended here.
 */
export function readContext(headers: IncomingHttpHeaders): Context {
  const state = readSamplingState(headers)
  const fromB3 = readB3(headers)
  const fromW3c = trace.getSpanContext(w3c.extract(ROOT_CONTEXT, headers, defaultTextMapGetter))
  if (fromB3 === undefined) {
    if (fromW3c !== undefined) return trace.setSpanContext(ROOT_CONTEXT, fromW3c)
    return state === 'denied' ? ROOT_CONTEXT.setValue(DENIED, true) : ROOT_CONTEXT
  }
  const parent: SpanContext = { ...fromB3, traceFlags: state === 'denied' ? TraceFlags.NONE : TraceFlags.SAMPLED }
  if (fromW3c?.traceState !== undefined && fromW3c.traceId === fromB3.traceId) parent.traceState = fromW3c.traceState
  const context = trace.setSpanContext(ROOT_CONTEXT, parent)
  return state === 'debug' ? context.setValue(DEBUG, true) : context
}

/** Writes the span of a context as multi-header B3 and as traceparent; ids go out even when sampling is denied. */
export function writeContext(context: Context, headers: Record<string, string>): void {
  b3.inject(context, headers, defaultTextMapSetter)
  w3c.inject(context, headers, defaultTextMapSetter)
  if (context.getValue(DEBUG) === true && headers['x-b3-traceid'] !== undefined) {
    delete headers['x-b3-sampled']
    headers['x-b3-flags'] = '1'
  }
}

/** True when the caller said `b3: 0` or `x-b3-sampled: 0` without ids: a new trace, not recorded. */
export function isDeniedRoot(context: Context): boolean {
  return context.getValue(DENIED) === true
}

/** What the B3 headers say about sampling (openzipkin/b3-propagation). A `b3` header leads over `x-b3-*`. */
export function readSamplingState(headers: IncomingHttpHeaders): SamplingState {
  const single = headers['b3']
  if (typeof single === 'string') {
    const parts = single.split('-')
    const state = SINGLE_STATES.get((parts.length === 1 ? parts[0] : parts[2]) ?? '')
    if (state !== undefined) return state
  }
  if (headers['x-b3-flags'] === '1') return 'debug'
  const sampled = headers['x-b3-sampled']
  return (typeof sampled === 'string' ? MULTI_STATES.get(sampled.toLowerCase()) : undefined) ?? 'deferred'
}

const SINGLE_STATES = new Map<string, SamplingState>([
  ['0', 'denied'],
  ['1', 'accepted'],
  ['d', 'debug'],
])
const MULTI_STATES = new Map<string, SamplingState>([
  ['0', 'denied'],
  ['false', 'denied'],
  ['1', 'accepted'],
  ['true', 'accepted'],
])

/** A malformed `b3` header falls through to the multi-header form instead of hiding it. */
function readB3(headers: IncomingHttpHeaders): SpanContext | undefined {
  const first = trace.getSpanContext(b3.extract(ROOT_CONTEXT, headers, defaultTextMapGetter))
  if (first !== undefined || headers['b3'] === undefined) return first
  return trace.getSpanContext(b3.extract(ROOT_CONTEXT, { ...headers, b3: undefined }, defaultTextMapGetter))
}
