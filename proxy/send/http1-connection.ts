// Hot path: one HTTP/1.1 connection to an endpoint; one request at a time.
import type { Exchange, Fields } from '../exchange.ts'
import { BodyReader } from '../http1/body.ts'
import { responseFraming } from '../http1/framing.ts'
import type { InvalidMessage } from '../http1/invalid.ts'
import { responseHeadReader, type ResponseHead as WireHead } from '../http1/response-head.ts'
import { MessageWriter } from '../message-writer.ts'
import type { Breakage, Carried, Carrier } from './carrier.ts'
import type { Endpoint } from './endpoint.ts'
import { writeRequestHead } from './request-head.ts'
import { responseHeadOf } from './response-head.ts'
import type { SocketUser, UpstreamSocket } from './upstream-socket.ts'

export interface Http1ConnectionOwner {
  /** It can carry another request. */
  onFree(connection: Http1Connection): void
  /** It reads an answer that nobody wants: for a limited time. */
  onDiscarding(connection: Http1Connection): void
  /** Called once, before its socket closes and before whoever it carried is told. */
  onEnded(connection: Http1Connection): void
  /** A bug was met while an answer was read. */
  onBug(error: unknown): void
}

const IDLE = 0
const BUSY = 1
/** Reads the rest of an answer nobody wants. */
const DISCARDING = 2
const TUNNEL = 3
const CLOSED = 4

/** How much of an unwanted answer is read for the sake of the connection. */
const DISCARD_BYTES_MAX = 64 * 1024

export class Http1Connection implements Carrier, SocketUser {
  readonly mayRefuse = false
  readonly socket: UpstreamSocket
  /** Requests carried, this one included. */
  requests = 0
  /** Monotonic, coarse: since when it is idle, or discards. */
  sinceMs: number
  readonly #writer: MessageWriter
  readonly #owner: Http1ConnectionOwner
  readonly #heads = responseHeadReader()
  readonly #body = new BodyReader('response')
  #state = IDLE
  #carried: Carried | undefined = undefined
  #sawBytes = false
  #inBody = false
  #keep = true
  #ended = false
  #trailers: Fields | null = null

  constructor(socket: UpstreamSocket, owner: Http1ConnectionOwner, nowMs: number) {
    this.socket = socket
    this.#owner = owner
    this.sinceMs = nowMs
    this.#writer = new MessageWriter(socket.stream)
    socket.user = this
  }

  get endpoint(): Endpoint {
    return this.socket.endpoint
  }

  get discarding(): boolean {
    return this.#state === DISCARDING
  }

  // ---- what its user calls

  /** Takes over the next request, and tells it so. */
  carry(carried: Carried): void {
    this.#carried = carried
    this.#state = BUSY
    this.requests++
    this.#sawBytes = false
    this.#inBody = false
    this.#ended = false
    this.#keep = true
    this.#trailers = null
    carried.onConnected(this)
  }

  /** A CONNECT is not asked for in HTTP: the endpoint itself is the far end of the tunnel. */
  head(exchange: Exchange): void {
    if (exchange.request.method === 'CONNECT') this.#becomeTunnel()
    else writeRequestHead(exchange, this.#writer)
  }

  data(chunk: Buffer): boolean {
    return this.#writer.data(chunk)
  }

  end(trailers: Fields | null): void {
    this.#writer.end(trailers)
  }

  #becomeTunnel(): void {
    this.#state = TUNNEL
    this.#writer.framing = 'tunnel'
  }

  endTunnel(): void {
    this.#writer.flush()
    this.socket.stream.end()
  }

  leaveTunnel(): void {
    this.#carried = undefined
    this.endTunnel()
  }

  resume(): void {
    this.socket.resume()
  }

  abandon(): void {
    this.#carried = undefined
    this.#close()
  }

  // ---- the endpoint's bytes

  onDrain(): void {
    this.#carried?.onWritable()
  }

  onGone(detail: string): void {
    this.#broken('reset', detail)
  }

  onBytes(chunk: Buffer): void {
    if (this.#state === TUNNEL) {
      this.#answerData(chunk)
      return
    }
    // An answer to nothing: whatever it is, it would be taken for the answer to the next request.
    if (this.#state !== BUSY && this.#state !== DISCARDING) {
      this.#broken('invalid', 'bytes came while no request was open')
      return
    }
    this.#sawBytes = true
    try {
      this.#read(chunk)
    } catch (error) {
      // As on the other side: a bug costs the request that met it.
      this.#owner.onBug(error)
      this.#broken('invalid', 'the proxy failed to pass its answer on')
    }
  }

  #read(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.#ended && this.#state !== CLOSED) {
      if (this.#inBody) at = this.#readBody(chunk, at)
      else at = this.#readHead(chunk, at)
      if (this.#state === TUNNEL) {
        if (at < chunk.length) this.#answerData(chunk.subarray(at))
        return
      }
    }
    if (!this.#ended || this.#state === CLOSED) return
    // What follows a complete answer answers nothing (RFC 9112, 9.2): the answer stands, the connection does not.
    if (at < chunk.length) this.#keep = false
    this.#answered()
  }

  #readHead(chunk: Buffer, from: number): number {
    const head = this.#heads.feed(chunk, from)
    if (head.status === 'complete') {
      const end = this.#heads.end
      this.#onHead(head)
      return end
    }
    if (head.status === 'invalid') this.#invalid(head)
    return chunk.length
  }

  #onHead(head: WireHead): void {
    const carried = this.#carried
    if (head.statusCode < 200 && head.statusCode !== 101) {
      carried?.onInterim(responseHeadOf(head, 'none'))
      return
    }
    const framing = responseFraming(head, carried?.method ?? '')
    this.#keep = head.keepAlive && framing !== 'until-close'
    const wanted = carried?.onHead(responseHeadOf(head, framing)) ?? false
    // The request may have ended here, too: the client left, or the answer was refused.
    if (this.#state === CLOSED) return
    if (framing === 'tunnel') {
      this.#becomeTunnel()
      return
    }
    if (!wanted && !this.#discard(framing === 'length' ? head.contentLength : framing === 'none' ? 0 : -1)) return
    this.#inBody = true
    this.#body.begin(framing, head.contentLength)
    if (framing === 'none') this.#body.read(NO_BYTES, 0, this)
  }

  /** An unwanted answer is read when that is cheap; else the connection closes. */
  #discard(lengthBytes: number): boolean {
    const sent = this.#carried?.sent ?? false
    this.#carried = undefined
    this.socket.resume()
    const cheap = this.#keep && sent && lengthBytes >= 0 && lengthBytes <= DISCARD_BYTES_MAX
    if (cheap) {
      this.#state = DISCARDING
      this.#owner.onDiscarding(this)
    } else this.#close()
    return cheap
  }

  #readBody(chunk: Buffer, from: number): number {
    const end = this.#body.read(chunk, from, this)
    if (typeof end === 'number') return end
    this.#invalid(end)
    return chunk.length
  }

  /** From the body reader. */
  onData(bytes: Buffer): void {
    this.#answerData(bytes)
  }

  /** From the body reader. */
  onEnd(trailers: Fields | null): void {
    this.#ended = true
    this.#trailers = trailers
  }

  #answerData(bytes: Buffer): void {
    if (this.#carried?.onAnswerData(bytes) === false) this.socket.pause()
  }

  #answered(): void {
    const carried = this.#carried
    const trailers = this.#trailers
    this.#carried = undefined
    // First the connection, then the answer's end: the client's next request may come from within it, and take this connection.
    if (this.#keep && (carried === undefined || carried.sent)) {
      this.#state = IDLE
      this.socket.resume()
      this.#owner.onFree(this)
    } else this.#close()
    carried?.onAnswered(trailers)
  }

  onHalfClosed(): void {
    if (this.#state === TUNNEL) {
      this.#carried?.onAnswered(null)
      return
    }
    if (this.#state === BUSY && this.#inBody && this.#body.close(this) === null && this.#ended) {
      this.#keep = false
      this.#answered()
      return
    }
    this.#broken(
      'reset',
      this.#inBody
        ? 'the connection was closed in the middle of the answer'
        : 'the connection was closed before an answer',
    )
  }

  #invalid(message: InvalidMessage): void {
    this.#broken('invalid', message.reason)
  }

  // ---- the end

  #broken(cause: Breakage, detail: string): void {
    if (this.#state === CLOSED) return
    const carried = this.#carried
    const isStale = cause === 'reset' && this.#state === BUSY && this.requests > 1 && !this.#sawBytes
    this.#carried = undefined
    this.#close()
    carried?.onBroken(isStale ? 'stale' : cause, detail)
  }

  #close(): void {
    if (this.#state === CLOSED) return
    this.#state = CLOSED
    this.#body.abandon()
    this.#owner.onEnded(this)
    this.socket.close()
  }
}

const NO_BYTES = Buffer.alloc(0)
