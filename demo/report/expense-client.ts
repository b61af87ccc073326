import type { IncomingHttpHeaders } from 'node:http'
import { type Context, type Span, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import { Pool } from 'undici'
import { writeContext } from '../app/propagation.ts'

export type ExpenseAnswer =
  | { status: 'answered'; code: number; body: string }
  | { status: 'failed'; reason: 'timeout' | 'unreachable' | 'saturated' | 'too-large'; message: string }

interface ExpenseCall {
  path: string
  /** The path with its variable parts named, for the span: spans are grouped by it. */
  route: string
  context: Context
  /** Of the request on whose behalf this is. */
  incoming: IncomingHttpHeaders
}

export interface ExpenseClient {
  get(call: ExpenseCall): Promise<ExpenseAnswer>
  close(): Promise<void>
}

export interface ExpenseClientSettings {
  /** The origin to connect to: beside a sidecar, its outbound listener. */
  url: string
  /** The Host header, by which the sidecar knows who is meant. */
  host: string
  timeoutMs: number
}

const CONNECTIONS_MAX = 64
const IN_FLIGHT_MAX = 512
const ANSWER_BYTES_MAX = 1024 * 1024

/** Asks the expense service. Every call is a client span, and carries the caller's trace and x-request-id on. */
export function createExpenseClient({ url, host, timeoutMs }: ExpenseClientSettings, tracer: Tracer): ExpenseClient {
  const pool = new Pool(new URL(url).origin, { connections: CONNECTIONS_MAX, maxResponseSize: ANSWER_BYTES_MAX })
  let inFlight = 0

  async function ask(path: string, headers: Record<string, string>): Promise<ExpenseAnswer> {
    if (inFlight >= IN_FLIGHT_MAX) {
      return {
        status: 'failed',
        reason: 'saturated',
        message: `${IN_FLIGHT_MAX} calls to expense are under way already`,
      }
    }
    inFlight += 1
    try {
      const { statusCode, body } = await pool.request({
        method: 'GET',
        path,
        headers,
        signal: AbortSignal.timeout(timeoutMs),
      })
      return { status: 'answered', code: statusCode, body: await body.text() }
    } catch (error) {
      return describeFailure(error, url, timeoutMs)
    } finally {
      inFlight -= 1
    }
  }

  return {
    async get({ path, route, context, incoming }) {
      const attributes = { 'http.method': 'GET', 'http.route': route, 'http.path': path, 'peer.service': host }
      const span = tracer.startSpan(`GET ${route}`, { kind: SpanKind.CLIENT, attributes }, context)
      const headers = headersFor(trace.setSpan(context, span), incoming, host)
      const answer = await ask(path, headers)
      endClientSpan(span, answer)
      return answer
    },
    close: () => pool.destroy(),
  }
}

function headersFor(context: Context, incoming: IncomingHttpHeaders, host: string): Record<string, string> {
  const headers: Record<string, string> = { host }
  writeContext(context, headers)
  const requestId = incoming['x-request-id']
  if (typeof requestId === 'string') headers['x-request-id'] = requestId
  return headers
}

function endClientSpan(span: Span, answer: ExpenseAnswer): void {
  if (answer.status === 'failed') {
    span.setStatus({ code: SpanStatusCode.ERROR, message: `${answer.reason}: ${answer.message}` })
  } else {
    span.setAttribute('http.status_code', answer.code)
    if (answer.code >= 500) span.setStatus({ code: SpanStatusCode.ERROR, message: `answered ${answer.code}` })
  }
  span.end()
}

function describeFailure(error: unknown, url: string, timeoutMs: number): ExpenseAnswer {
  const { name, code, message } = error as { name?: string; code?: string; message?: string }
  if (name === 'TimeoutError' || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return { status: 'failed', reason: 'timeout', message: `no answer from ${url} within ${timeoutMs} ms` }
  }
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return { status: 'failed', reason: 'too-large', message: `the answer is above ${ANSWER_BYTES_MAX} bytes` }
  }
  return {
    status: 'failed',
    reason: 'unreachable',
    message: `${url}: ${code ?? ''} ${message ?? String(error)}`.trim(),
  }
}
