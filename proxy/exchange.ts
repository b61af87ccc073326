// Hot path: one Exchange per request; no promise, closure or event per stage.
import type { Retries } from '../protocol/snapshot.ts'
import type { Failure } from './failures.ts'
import { grpcStatusOf } from './grpc.ts'

/**
 * One request and its answer, whatever wire carries them. `accept/` makes it and moves the request's bytes in, `send/` moves the answer's
 * bytes in; the stages between look at it, note what they decided, and pass it on. Everything after a codec works on this word alone.
 */

/** Header fields as they came, flat: name, value, name, value; names in lower case, values without surrounding blanks (latin1). */
export type Fields = string[]

/** `fields` hold what is meant for the far end only: hop-by-hop fields are taken out by accept/ and, of answers, by send/. */
export interface RequestHead {
  method: string
  /** Origin form, with query: `/api/report?x=1`; `*` for OPTIONS *; the authority for CONNECT. */
  target: string
  /**
   * From Host, :authority or the absolute form. '' when HTTP/1.0 had none. send/ sees to it that the outgoing Host says
   * the same: to rewrite the host, set this.
   */
  authority: string
  scheme: 'http' | 'https'
  fields: Fields
  protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2'
  /** -1: no length known (chunked or HTTP/2); 0: no body. */
  contentLength: number
  hasBody: boolean
  /** The protocol named by Upgrade together with Connection: upgrade, '' when none. */
  upgrade: string
  expectContinue: boolean
  /** TE: trailers. */
  acceptsTrailers: boolean
  /** Names of fields that came over HTTP/2 as never-indexed literals, and stay so on every such hop (RFC 7541, 6.2.3). */
  neverIndexed?: readonly string[] | null
}

export interface ResponseHead {
  status: number
  reason: string
  fields: Fields
  /** -1: no length known. */
  contentLength: number
  /** False for HEAD, 1xx, 204, 304 and for Content-Length 0. */
  hasBody: boolean
  /** The protocol that a 101 switches to, else ''. */
  upgrade: string
  /** As in a request's head. */
  neverIndexed?: readonly string[] | null
}

/** Takes one message's body in order. Exactly one of onEnd and onAbort comes last. */
export interface BodySink {
  /** False: congested, pause the source; the sink's owner resumes it. The chunk is only valid during the call: what is kept of it, a socket's write included, is a copy (of up to COPY_BYTES_MAX; a larger one may be kept). */
  onData(chunk: Buffer): boolean
  onEnd(trailers: Fields | null): void
  onAbort(): void
}

/**
 * The answer's way out: implemented by each codec in accept/. Calls come in the order head, data*, end; or `abort` at any time.
 * After a 101, or a 2xx to CONNECT, both bodies are the bytes of a tunnel: no framing, each direction ends for itself.
 */
export interface Downstream {
  /** 1xx other than 101. */
  informational(head: ResponseHead): void
  head(head: ResponseHead): void
  /** False: congested; the exchange's `upstream.resumeResponse` is called when it drained. */
  data(chunk: Buffer): boolean
  end(trailers: Fields | null): void
  /** The answer cannot be completed: the client must see a broken message, never a short one that looks whole. */
  abort(): void
  /** After `requestData` returned false: go on reading the request's body. */
  resumeRequest(): void
}

/** The request's way out: set by send/ before it returns. */
export interface UpstreamSide extends BodySink {
  resumeResponse(): void
}

/** The name under which send/ knows the proxy's own application. No service can have it: service names have no dot. */
export const APP = '.app'

/** Where the request came in. */
export type Direction = 'inbound' | 'outbound' | 'gateway'

/** What the stages noted; read by observe/ when the exchange is over. */
export interface Outcome {
  /** 0: the client left before an answer began. */
  status: number
  failure: Failure | undefined
  /** Envoy's response flags, joined by commas: UH, UF, UO, UT, UC, NR, RL, UAEX, DC, URX. '' when there is nothing to say. */
  flags: string
  requestBytes: number
  responseBytes: number
  durationMs: number
}

/** One try at one endpoint. send/ calls the attempt observer of the exchange when a try is over. */
export interface Attempt {
  endpointId: string
  endpointAddress: string
  version: string
  /** 0: no answer came. */
  status: number
  /** Of a gRPC call, -1: none came. */
  grpcStatus: number
  failure: Failure | undefined
  startedMs: number
  durationMs: number
}

export class Exchange {
  request: RequestHead
  readonly direction: Direction
  readonly downstream: Downstream
  /** Monotonic, when the head was complete; and the wall clock of the same moment in microseconds, for spans. */
  readonly startedMs: number
  readonly startedWallUs: number
  readonly peerAddress: string

  upstream: UpstreamSide | undefined = undefined

  // accept/: who calls, by its certificate alone; '' when it showed none
  source = ''
  sourceId = ''
  // accept/: the request is gRPC's (content-type application/grpc): a proxy-made answer is then a gRPC status, too
  grpc = false
  /** grpc-status of the answer, as its trailers say, or its head where there is nothing behind it. -1: none came, or none yet. */
  grpcStatus = -1
  // authorize/
  /** The intention that decided, 'default' when none fitted; '' where nobody asked. */
  intention = ''
  /** Takes out of the request's trailers what nobody but a proxy may say; undefined: there is nothing of that kind. */
  cleanTrailers: ((trailers: Fields) => Fields) | undefined = undefined
  /** The answer's reader is not of the mesh: what a proxy says of itself in it stays public. */
  outside = false
  // route/
  service = ''
  route = ''
  version = ''
  /** Weight of that version when it was chosen; -1: no split. For the span. */
  weight = -1
  /** True when the route named the version: a retry must not leave it. */
  pinned = false
  /** Monotonic moment by which the answer must be complete, 0: none. With a request body it runs from the body's last byte. */
  deadlineMs = 0
  /** The route's own retry policy; undefined: the upstream's. */
  routeRetries: Retries | undefined = undefined
  // send/
  endpointId = ''
  endpointAddress = ''
  attempts = 0
  /** The answer is that of a retry. */
  rescued = false
  /** A retry was wanted and not to be had: attempts, budget or limit are used up. */
  retriesSpent = false
  // observe/: the trace this exchange belongs to; written into the request by observe/ before send/ sees it
  traceId = ''
  spanId = ''
  parentSpanId = ''
  sampled = false
  debug = false
  requestId = ''
  /** On the roster of requests under way, and the version that the first attempt failed at: a retry may leave it, the request does not. */
  place = -1
  firstVersion = ''

  /** Added to the answer's head, whoever makes it (the trace id that a gateway tells its users). */
  answerFields: Fields | undefined = undefined

  /** observe/ is told once when it is over, and of each attempt. */
  onOver: ((exchange: Exchange, outcome: Outcome) => void) | undefined = undefined
  onAttempt: ((exchange: Exchange, attempt: Attempt) => void) | undefined = undefined

  status = 0
  requestBytes = 0
  responseBytes = 0
  failure: Failure | undefined = undefined
  /** Head of the answer went out; nothing can be retried or replaced any more. */
  responding = false
  /** A 101, or a 2xx to CONNECT, went out. */
  tunnelling = false
  /** From the start where the request has no body; onEnd is called only where it has one, and at the end of a tunnel. */
  requestEnded: boolean
  responseEnded = false
  over = false

  constructor(
    direction: Direction,
    request: RequestHead,
    downstream: Downstream,
    startedMs: number,
    startedWallUs: number,
    peerAddress: string,
  ) {
    this.direction = direction
    this.request = request
    this.requestEnded = !request.hasBody
    this.downstream = downstream
    this.startedMs = startedMs
    this.startedWallUs = startedWallUs
    this.peerAddress = peerAddress
  }

  // ---- what accept/ calls as the request's body comes in

  requestData(chunk: Buffer): boolean {
    this.requestBytes += chunk.length
    return this.over || this.upstream === undefined ? true : this.upstream.onData(chunk)
  }

  requestEnd(now: number, trailers: Fields | null): void {
    if (this.over || this.requestEnded) return
    this.requestEnded = true
    this.upstream?.onEnd(trailers === null ? null : (this.cleanTrailers?.(trailers) ?? trailers))
    if (this.responseEnded) this.finish(now)
  }

  /** The client left, or broke its message. */
  downstreamGone(now: number, failure: Failure): void {
    if (this.over) return
    this.failure ??= failure
    this.letUpstreamGo()
    this.finish(now)
  }

  /** The request is not to go on, but can still be answered. */
  letUpstreamGo(): void {
    const upstream = this.upstream
    this.upstream = undefined
    upstream?.onAbort()
  }

  // ---- what send/ (or whoever answers) calls

  inform(head: ResponseHead): void {
    if (!this.over && !this.responding) this.downstream.informational(head)
  }

  respond(head: ResponseHead): void {
    if (this.over) return
    this.status = head.status
    this.responding = true
    this.tunnelling =
      head.status === 101 || (head.status >= 200 && head.status < 300 && this.request.method === 'CONNECT')
    // From here on the client's bytes are the tunnel's: its request has ended once, its direction of the tunnel has not.
    if (this.tunnelling) this.requestEnded = false
    if (this.grpc) this.grpcStatus = grpcStatusOf(head.fields)
    this.downstream.head(head)
  }

  responseData(chunk: Buffer): boolean {
    if (this.over) return true
    this.responseBytes += chunk.length
    return this.downstream.data(chunk)
  }

  /** An answer's end is the exchange's, though the request may still be coming in; a tunnel is over when both directions are. */
  responseEnd(now: number, trailers: Fields | null): void {
    if (this.over || this.responseEnded) return
    this.responseEnded = true
    if (this.grpc && trailers !== null) this.grpcStatus = grpcStatusOf(trailers)
    this.downstream.end(trailers)
    if (!this.tunnelling || this.requestEnded) this.finish(now)
  }

  /**
   * The answer broke off after its head went out. Before that, answer with a proxy-made response instead (accept/proxy-answer.ts).
   * `trailers`: an end of a gRPC call that cannot be taken for a good one; null: the message must be seen to be broken.
   */
  responseBroken(now: number, failure: Failure, trailers: Fields | null): void {
    if (this.over) return
    this.failure = failure
    if (trailers === null) this.downstream.abort()
    else {
      this.grpcStatus = grpcStatusOf(trailers)
      this.downstream.end(trailers)
    }
    this.finish(now)
  }

  resumeRequest(): void {
    if (!this.over) this.downstream.resumeRequest()
  }

  private finish(now: number): void {
    this.over = true
    this.upstream = undefined
    this.onOver?.(this, {
      status: this.status,
      failure: this.failure,
      flags: flagsOf(this.failure, this.retriesSpent),
      requestBytes: this.requestBytes,
      responseBytes: this.responseBytes,
      durationMs: now - this.startedMs,
    })
  }
}

function flagsOf(failure: Failure | undefined, retriesSpent: boolean): string {
  if (failure === undefined) return retriesSpent ? 'URX' : ''
  return retriesSpent && failure.flag !== 'URX' ? `${failure.flag},URX` : failure.flag
}

/** A stage: takes an exchange whose request head is complete and sees to it that it ends. Never throws, never waits. */
export type Stage = (exchange: Exchange) => void

/** The first value of a field, or undefined. Names in `fields` are in lower case. */
export function fieldOf(fields: Fields, name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1]
  return undefined
}
