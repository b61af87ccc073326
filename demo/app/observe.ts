import { type Context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { routeOf } from './failures.ts'
import type { Metrics } from './metrics.ts'
import { readContext } from './propagation.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The context whose span is this request's server span: the parent of everything done on its behalf. */
    traceContext: Context
  }
  interface FastifyContextConfig {
    /** Health, readiness and the fault switch: never traced, never faulted. */
    plumbing?: boolean
  }
}

/** What nginx writes for a caller that left before its answer was complete. */
const CALLER_LEFT = 499
const PATH_CHARS_MAX = 256

/** One server span and one count for whatever is answered, however it ends. */
export function observeRequests(app: FastifyInstance, tracer: Tracer, metrics: Metrics): void {
  app.decorateRequest('traceContext')
  app.addHook('onRequest', (request, reply, done) => {
    const startMs = performance.now()
    const span = startServerSpan(request, tracer)
    // `close` comes exactly once, after a complete answer as after a caller that left; `onResponse` does not.
    reply.raw.once('close', () => {
      const code = reply.raw.writableFinished ? reply.raw.statusCode : CALLER_LEFT
      const route = routeOf(request.routeOptions.url)
      metrics.requestEnded(request.method, route, code, (performance.now() - startMs) / 1000)
      if (span !== undefined) endServerSpan(span, code, reply)
    })
    done()
  })
}

function startServerSpan(request: FastifyRequest, tracer: Tracer): Span | undefined {
  request.traceContext = ROOT_CONTEXT
  if (request.routeOptions.config.plumbing === true) return undefined
  const route = routeOf(request.routeOptions.url)
  const parent = readContext(request.headers)
  const attributes: Record<string, string> = {
    'http.method': request.method,
    'http.route': route,
    'http.path': pathOf(request.url).slice(0, PATH_CHARS_MAX),
  }
  const requestId = request.headers['x-request-id']
  if (typeof requestId === 'string') attributes['guid:x-request-id'] = requestId.slice(0, PATH_CHARS_MAX)
  const span = tracer.startSpan(`${request.method} ${route}`, { kind: SpanKind.SERVER, attributes }, parent)
  request.traceContext = trace.setSpan(parent, span)
  return span
}

function endServerSpan(span: Span, code: number, reply: FastifyReply): void {
  span.setAttribute('http.status_code', code)
  if (code === CALLER_LEFT) span.setStatus({ code: SpanStatusCode.ERROR, message: 'the caller left before the answer' })
  else if (code >= 500) span.setStatus({ code: SpanStatusCode.ERROR, message: `answered ${reply.raw.statusCode}` })
  span.end()
}

/** The path of a request target, without its query. */
export function pathOf(target: string): string {
  const query = target.indexOf('?')
  return query === -1 ? target : target.slice(0, query)
}
