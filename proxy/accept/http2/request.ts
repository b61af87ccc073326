// Hot path: one request of an HTTP/2 connection; the only object that it costs beside its stream and its exchange.
import { type Downstream, Exchange, type Fields, fieldOf, type ResponseHead } from '../../exchange.ts'
import { type Failure, failure } from '../../failures.ts'
import { grpcStatusOf, isGrpc } from '../../grpc.ts'
import { CANCEL, INTERNAL_ERROR } from '../../http2/codes.ts'
import type { Http2Connection } from '../../http2/connection.ts'
import type { RequestHead } from '../../http2/heads.ts'
import { responseListBytes } from '../../http2/list-size.ts'
import type { Stream, StreamBroken, StreamUser } from '../../http2/stream.ts'
import type { ListenerContext } from '../context.ts'
import { answerWith } from '../proxy-answer.ts'
import { noteRejection } from '../refusals.ts'
import type { Peer } from '../request-head.ts'
import { requestHeadOfHttp2 } from './request-head.ts'
import { insteadOfHead, trailersThatFit } from './too-large.ts'
import { isAccepted, withoutAccept } from './websocket.ts'

/** What the requests of one connection have in common. */
export interface RequestHost {
  readonly context: ListenerContext
  readonly peer: Peer
  readonly peerAddress: string
  readonly codec: Http2Connection
  /** Requests whose time is watched: with a body under way, or tunnels. */
  readonly watched: Set<Http2Request>
}

export class Http2Request implements Downstream, StreamUser {
  readonly #host: RequestHost
  readonly #stream: Stream
  #exchange: Exchange | undefined = undefined
  /** Bytes that the upstream's side took and, as it said, would rather not have more of: credited when it goes on. */
  #owedBytes = 0
  /** A CONNECT: bytes wait until there is a tunnel. Bounded by the stream's window, since they are not credited. */
  #early: Buffer[] | undefined = undefined
  #earlyEnd = false
  /** Coarse monotonic: the last progress of the request's body, or of the tunnel with so many bytes of answer. */
  #sinceMs = 0
  #seenBytes = 0

  constructor(host: RequestHost, stream: Stream) {
    this.#host = host
    this.#stream = stream
  }

  /** `ended`: there is no body. */
  begin(head: RequestHead, ended: boolean): void {
    const host = this.#host
    const { context, peer } = host
    const { stats, clock } = context
    const request = requestHeadOfHttp2(head, ended, peer)
    const exchange = new Exchange(peer.direction, request, this, clock.now(), clock.wall() * 1000, host.peerAddress)
    exchange.source = peer.client.source
    exchange.sourceId = peer.client.sourceId
    exchange.grpc = isGrpc(fieldOf(request.fields, 'content-type'))
    this.#exchange = exchange
    stats.rqTotal++
    if (peer.plain) stats.rqPlain++
    stats.rqActive++
    stats.http2StreamsActive++
    if (head.method === 'CONNECT') {
      this.#early = []
      this.#earlyEnd = ended
    } else if (!ended) this.#watch()
    context.handler(exchange)
  }

  #watch(): void {
    this.#sinceMs = this.#host.context.coarseNow
    this.#host.watched.add(this)
  }

  #finished(): void {
    if (this.#exchange === undefined) return
    const { stats } = this.#host.context
    if (this.#exchange.tunnelling) stats.tunnelsActive--
    this.#exchange = undefined
    this.#early = undefined
    stats.rqActive--
    stats.http2StreamsActive--
    this.#host.watched.delete(this)
  }

  // ---- the request's body (StreamUser)

  onData(bytes: Buffer): void {
    if (this.#early === undefined) this.#passOn(bytes)
    else this.#early.push(Buffer.from(bytes))
  }

  #passOn(bytes: Buffer): void {
    this.#sinceMs = this.#host.context.coarseNow
    this.#owedBytes += bytes.length
    if (this.#exchange?.requestData(bytes) ?? true) this.resumeRequest()
  }

  onEnd(trailers: Fields | null): void {
    if (this.#early === undefined) this.#passEnd(trailers)
    else this.#earlyEnd = true
  }

  #passEnd(trailers: Fields | null): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    if (!exchange.tunnelling) this.#host.watched.delete(this)
    exchange.requestEnd(this.#host.context.clock.now(), trailers)
    if (exchange.over) this.#finished()
  }

  /** The client reset the stream, broke a rule on it, or is gone. */
  onBroken({ by, code, reason }: StreamBroken): void {
    const told = by === 'peer' ? 'the client reset the stream before its answer was complete' : reason
    // CANCEL by us: it took nothing of its answer for too long.
    const flag = by === 'us' && code !== CANCEL ? 'DPE' : 'DC'
    this.#exchange?.downstreamGone(this.#host.context.clock.now(), failure(flag, told))
    this.#finished()
  }

  onWritable(): void {
    this.#exchange?.upstream?.resumeResponse()
  }

  // Of a client's streams only.
  onInformational(): void {}
  onHead(): void {}

  // ---- the answer (Downstream)

  informational(head: ResponseHead): void {
    this.#host.codec.informational(this.#stream, head.status, head.fields)
  }

  head(head: ResponseHead): void {
    const { upgrade } = this.#exchange!.request
    if (upgrade !== '' && head.status < 300) this.#headOfWebSocket(head)
    else this.#sendHead(head.status, head.fields, head.neverIndexed)
    if (this.#exchange?.tunnelling === true) this.#beginTunnel()
    else this.#early = undefined
  }

  #sendHead(status: number, fields: Fields, neverIndexed: readonly string[] | null | undefined): void {
    const more = this.#exchange!.answerFields
    // The end goes into this frame's flags, when nothing comes between.
    const all = more === undefined ? fields : fields.concat(more)
    const listBytes = responseListBytes(all)
    if (listBytes > this.#host.codec.headerListBytesMax) this.#giveUpAnswer(listBytes)
    else this.#host.codec.head(this.#stream, status, all, neverIndexed ?? null, false)
  }

  #giveUpAnswer(headBytes: number): void {
    const exchange = this.#exchange!
    const { cause, answer } = insteadOfHead(exchange, headBytes, this.#host.codec.headerListBytesMax)
    this.#answerInstead(cause, answer.head, exchange.request.method === 'HEAD' ? undefined : answer.body)
  }

  /** In HTTP/2 any 2xx opens the tunnel (RFC 8441, 5), so of HTTP/1.1's only a true 101 may become one. */
  #headOfWebSocket(head: ResponseHead): void {
    const exchange = this.#exchange!
    if (head.status === 101 && isAccepted(exchange.request.fields, head.fields)) {
      this.#sendHead(200, withoutAccept(head.fields), null)
      return
    }
    const said = `the application answered ${head.status} to a WebSocket handshake${head.status === 101 ? ', but not to its key' : ''}`
    const cause = failure('UPE', said)
    const fields = ['x-trimtab-reason', cause.reason, 'content-length', '0']
    this.#answerInstead(cause, { status: cause.status, fields }, undefined)
  }

  /** This goes out, and what the upstream answered does not. */
  #answerInstead(cause: Failure, head: Pick<ResponseHead, 'status' | 'fields'>, body: Buffer | undefined): void {
    const exchange = this.#exchange!
    const { codec, context } = this.#host
    codec.head(this.#stream, head.status, head.fields, null, false)
    if (body !== undefined) codec.data(this.#stream, body)
    codec.end(this.#stream, null)
    exchange.tunnelling = false
    exchange.status = head.status
    if (exchange.grpc) exchange.grpcStatus = grpcStatusOf(head.fields)
    exchange.downstreamGone(context.clock.now(), cause)
    this.#finished()
  }

  #beginTunnel(): void {
    const early = this.#early ?? []
    this.#early = undefined
    this.#host.context.stats.tunnelsActive++
    this.#watch()
    for (const bytes of early) this.#passOn(bytes)
    if (this.#earlyEnd) this.#passEnd(null)
  }

  data(chunk: Buffer): boolean {
    return this.#host.codec.data(this.#stream, chunk)
  }

  end(trailers: Fields | null): void {
    const exchange = this.#exchange
    const { codec } = this.#host
    const fit =
      exchange === undefined || trailers === null
        ? trailers
        : trailersThatFit(exchange, trailers, codec.headerListBytesMax)
    codec.end(this.#stream, fit)
    // Of a tunnel this is one direction.
    if (exchange !== undefined && (!exchange.tunnelling || exchange.requestEnded)) this.#finished()
  }

  abort(): void {
    this.#host.codec.reset(this.#stream, INTERNAL_ERROR)
    this.#finished()
  }

  resumeRequest(): void {
    const bytes = this.#owedBytes
    if (bytes === 0) return
    this.#owedBytes = 0
    this.#sinceMs = this.#host.context.coarseNow
    this.#host.codec.consumed(this.#stream, bytes)
  }

  // ---- time

  /** Called every now and then while it is watched. */
  sweep(nowMs: number): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    const { limits } = this.#host.context
    if (exchange.tunnelling) {
      if (exchange.responseBytes !== this.#seenBytes) {
        this.#seenBytes = exchange.responseBytes
        this.#sinceMs = nowMs
      } else if (nowMs - this.#sinceMs > limits.tunnelIdleTimeoutMs) this.#giveUpTunnel(limits.tunnelIdleTimeoutMs)
      return
    }
    // A stream of messages may be silent for as long as it likes, and so may whoever is being answered already.
    if (exchange.grpc || exchange.responding || this.#owedBytes > 0) return
    if (nowMs - this.#sinceMs > limits.bodyTimeoutMs) this.#giveUpRequest(exchange, limits.bodyTimeoutMs)
  }

  #giveUpTunnel(idleMs: number): void {
    this.#host.codec.reset(this.#stream, INTERNAL_ERROR)
    this.onBroken({
      code: INTERNAL_ERROR,
      by: 'connection',
      unprocessed: false,
      reason: `nothing came through the tunnel for ${idleMs} ms`,
    })
  }

  #giveUpRequest(exchange: Exchange, timeoutMs: number): void {
    const { context, peerAddress } = this.#host
    const cause = failure('DT', `nothing came of the request's body for ${timeoutMs} ms`)
    noteRejection(context, cause, peerAddress)
    exchange.letUpstreamGo()
    answerWith(exchange, cause, context.clock.now())
  }
}
