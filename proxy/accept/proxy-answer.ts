import { type Exchange, type Fields, fieldOf, type ResponseHead } from '../exchange.ts'
import type { Failure, FailureFlag } from '../failures.ts'
import {
  GRPC_CONTENT_TYPE,
  GRPC_DEADLINE_EXCEEDED,
  GRPC_RESOURCE_EXHAUSTED,
  grpcMessage,
  grpcStatusOfHttp,
} from '../grpc.ts'

const HEAD_TOO_LARGE = 431

/** What outsiders are told of a failure: no address, no name of a host. */
const publicDetail: Record<FailureFlag, string> = {
  UH: 'no healthy instance can take this request now; try again later',
  UF: 'the service could not be reached; try again later',
  UO: 'too many requests are under way; try again later',
  UT: 'the service did not answer in time',
  UC: 'the service broke off before it answered',
  UPE: 'the service gave an answer that is not valid HTTP',
  NR: 'nothing is served here; check host and path',
  RL: 'too many requests; slow down',
  UAEX: 'this is not allowed',
  DC: 'the client left',
  URX: 'the service failed and retries are used up',
  DPE: 'the request is not valid HTTP',
  DT: 'the request did not arrive in time; send it faster',
  SI: 'nothing passed for too long',
  LH: 'this proxy is shutting down; try again',
}

/**
 * Ends an exchange with an answer of the proxy's own: what went wrong, where, and what to do. When the answer's head already went out,
 * the answer is broken off instead, so that the client cannot take a part for the whole; a gRPC call ends with a status that says so, as it
 * would hear from its own library were the connection its own.
 */
export function answerWith(exchange: Exchange, failure: Failure, now: number): void {
  if (exchange.over) return
  const { request } = exchange
  const outside = exchange.direction === 'gateway' || exchange.outside
  if (exchange.responding) {
    exchange.responseBroken(now, failure, exchange.grpc ? grpcEnd(failure, outside) : null)
    return
  }
  exchange.failure = failure
  const context = {
    plain: prefersPlain(fieldOf(request.fields, 'accept')),
    outside,
    date: new Date(exchange.startedWallUs / 1000).toUTCString(),
    facts: {
      route: exchange.route,
      upstream: exchange.service,
      version: exchange.version,
      intention: outside ? '' : exchange.intention,
      attempts: exchange.attempts,
      traceId: exchange.traceId,
      requestId: exchange.requestId,
    },
  }
  const answer = exchange.grpc ? grpcAnswer(failure, context) : proxyAnswer(failure, context)
  if (request.method === 'HEAD') answer.head.hasBody = false
  exchange.respond(answer.head)
  if (answer.head.hasBody) exchange.responseData(answer.body)
  exchange.responseEnd(now, null)
}

export interface AnswerContext {
  plain: boolean
  /** The reader is not of the mesh: internals are left out. */
  outside: boolean
  /** Value of the date field, '' for none. */
  date: string
  facts: Record<string, string | number>
}

/** The answer itself, also for requests that never became an exchange. */
export function proxyAnswer(failure: Failure, context: AnswerContext): { head: ResponseHead; body: Buffer } {
  const told = {
    reason: failure.reason,
    flag: failure.flag,
    message: messageOf(failure, context.outside),
    ...given(context.facts),
  }
  const text = context.plain
    ? `${Object.entries(told)
        .map(([name, value]) => `${name}: ${value}`)
        .join('\n')}\n`
    : `${JSON.stringify({ status: failure.status, ...told })}\n`
  const body = Buffer.from(text)
  const type = context.plain ? 'text/plain; charset=utf-8' : 'application/json'
  const fields: Fields = [
    'content-type',
    type,
    'content-length',
    String(body.length),
    'x-trimtab-reason',
    failure.reason,
    'cache-control',
    'no-store',
  ]
  if (context.date !== '') fields.push('date', context.date)
  return {
    head: { status: failure.status, reason: '', fields, contentLength: body.length, hasBody: true, upgrade: '' },
    body,
  }
}

/** The answer to a gRPC call: its status in a head with nothing behind it ("trailers-only"), as gRPC clients read it. */
export function grpcAnswer(failure: Failure, context: AnswerContext): { head: ResponseHead; body: Buffer } {
  const fields: Fields = ['content-type', GRPC_CONTENT_TYPE, ...grpcEnd(failure, context.outside)]
  if (context.date !== '') fields.push('date', context.date)
  return {
    head: { status: 200, reason: '', fields, contentLength: -1, hasBody: false, upgrade: '' },
    body: NO_BYTES,
  }
}

const NO_BYTES = Buffer.alloc(0)

/** How a call ends that the proxy ends: what stands in the trailers, or in a head with nothing behind it. */
export function grpcEnd(failure: Failure, outside: boolean): Fields {
  const message = grpcMessage(`${failure.reason}: ${messageOf(failure, outside)}`)
  return [
    'grpc-status',
    String(grpcStatusOfFailure(failure)),
    'grpc-message',
    message,
    'x-trimtab-reason',
    failure.reason,
  ]
}

function grpcStatusOfFailure({ flag, status }: Failure): number {
  if (flag === 'UT') return GRPC_DEADLINE_EXCEEDED
  // As gRPC's own libraries say when metadata are more than they take; nobody shall try that again.
  return status === HEAD_TOO_LARGE ? GRPC_RESOURCE_EXHAUSTED : grpcStatusOfHttp(status)
}

/** What is wrong with a request concerns nobody but who sent it, and holds no internals. */
function messageOf(failure: Failure, outside: boolean): string {
  const aboutRequest = failure.flag === 'DPE' || failure.flag === 'DT'
  return outside && !aboutRequest ? publicMessage(failure) : failure.detail
}

function publicMessage({ flag, status }: Failure): string {
  return flag === 'UAEX' && status === 401 ? 'a valid token is needed' : publicDetail[flag]
}

function given(facts: AnswerContext['facts']): AnswerContext['facts'] {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== '' && value !== 0))
}

/** JSON, unless text is asked for and JSON is not. */
export function prefersPlain(accept: string | undefined): boolean {
  return accept?.includes('text/') === true && !accept.includes('json')
}
