// Hot path: the bytes of one HTTP/1.1 client, and where they go.
import type { Socket } from 'node:net'
import type { Fields } from '../exchange.ts'
import { BodyReader } from '../http1/body.ts'
import { requestFraming } from '../http1/framing.ts'
import type { InvalidMessage } from '../http1/invalid.ts'
import { type RequestHead, requestHeadReader } from '../http1/request-head.ts'
import type { ListenerContext } from './context.ts'

/** Where the client's bytes go. */
export const HEAD = 0
export const BODY = 1
/** The request is complete, its answer is not: what comes now is pipelined, and waits. */
export const ANSWERING = 2
/** The answer is complete, the request is not: the rest of its body is read and dropped. */
export const DISCARDING = 3
export const TUNNEL = 4
/** Our side is closed; the client's bytes are dropped until it closes, too. */
export const LINGERING = 5
export const CLOSED = 6

const NO_BYTES = Buffer.alloc(0)

export interface IntakeOwner {
  /** A request's head. What comes behind it is to be said before anybody answers: expectBody, expectAnswer or expectClose. */
  onRequest(head: RequestHead): void
  /** A piece of a request's body, or of a tunnel. False: it is to wait with the next, until `resume`. */
  onBytes(bytes: Buffer): boolean
  onBodyEnd(trailers: Fields | null): void
  /** A head or a body broke HTTP: nobody can say where the next request begins. */
  onInvalid(fault: InvalidMessage): void
  /** The rest of a body that nobody wants has come; or there is too much of it. */
  onDiscarded(isComplete: boolean): void
}

/** Takes requests apart, one after the other; keeps what comes before its turn, and stops the client when that is a lot. */
export class Intake {
  state = HEAD
  /** The client is not read. */
  isPaused = false
  /** Coarse monotonic moments: the last progress in this state, and the begin of the head that is being read (0: none). */
  sinceMs: number
  headSinceMs = 0
  readonly #socket: Socket
  readonly #context: ListenerContext
  readonly #owner: IntakeOwner
  readonly #heads
  readonly #body = new BodyReader('request')
  #stash: Buffer = NO_BYTES
  #consuming = false
  #discarded = 0

  constructor(socket: Socket, context: ListenerContext, owner: IntakeOwner) {
    this.#socket = socket
    this.#context = context
    this.#owner = owner
    this.#heads = requestHeadReader(context.limits.head)
    this.sinceMs = context.coarseNow
  }

  take(chunk: Buffer): void {
    this.sinceMs = this.#context.coarseNow
    try {
      if (this.#stash.length > 0) this.#keepForLater(chunk)
      else this.#consume(chunk, 0)
    } catch (error) {
      // A bug in some stage is to cost the client that met it, not everybody's proxy.
      this.#context.log.error({ err: error }, 'a request met a bug in the proxy; its connection is closed')
      this.#socket.destroy()
    }
  }

  #consume(chunk: Buffer, from: number): void {
    let at = from
    this.#consuming = true
    while (at < chunk.length) {
      if (this.state === HEAD) at = this.#readHead(chunk, at)
      else if (this.state === BODY || this.state === DISCARDING) at = this.#readBody(chunk, at)
      else {
        if (this.state === ANSWERING) this.#keepForLater(at === 0 ? chunk : chunk.subarray(at))
        else if (this.state === TUNNEL) this.#passOn(at === 0 ? chunk : chunk.subarray(at))
        break
      }
    }
    this.#consuming = false
    if (this.state === HEAD) this.#resume()
  }

  #readHead(chunk: Buffer, from: number): number {
    const head = this.#heads.feed(chunk, from)
    if (head.status === 'complete') {
      this.headSinceMs = 0
      this.#discarded = 0
      this.#owner.onRequest(head)
      return this.#heads.end
    }
    if (head.status === 'invalid') this.#owner.onInvalid(head)
    else if (this.headSinceMs === 0 && this.#heads.started) this.headSinceMs = this.#context.coarseNow
    return chunk.length
  }

  #readBody(chunk: Buffer, from: number): number {
    const end = this.#body.read(chunk, from, this)
    if (typeof end === 'number') return end
    this.#owner.onInvalid(end)
    return chunk.length
  }

  /** From the body reader: a piece of the request's body. */
  onData(bytes: Buffer): void {
    if (this.state === BODY) this.#passOn(bytes)
    else if (this.state === DISCARDING) {
      this.#discarded += bytes.length
      if (this.#discarded > this.#context.limits.discardBytesMax) this.#owner.onDiscarded(false)
    }
  }

  /** From the body reader: the request is complete. */
  onEnd(trailers: Fields | null): void {
    if (this.state === DISCARDING) this.#owner.onDiscarded(true)
    else if (this.state === BODY) {
      this.state = ANSWERING
      this.#owner.onBodyEnd(trailers)
    }
  }

  #passOn(bytes: Buffer): void {
    if (!this.#owner.onBytes(bytes) && this.state < LINGERING) this.#pause()
  }

  #keepForLater(chunk: Buffer): void {
    this.#stash = this.#stash.length === 0 ? chunk : Buffer.concat([this.#stash, chunk])
    // While nothing is read the client's leaving is not noticed: so only when it sends a lot ahead.
    if (!this.#mayRead) this.#pause()
  }

  get #mayRead(): boolean {
    return this.#stash.length <= this.#context.limits.pipelinedBytesMax
  }

  #pause(): void {
    this.isPaused = true
    this.#socket.pause()
  }

  #resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.sinceMs = this.#context.coarseNow
    this.#socket.resume()
  }

  /** After onBytes returned false: goes on, unless too much is kept already. */
  resume(): void {
    if (this.#mayRead) this.#resume()
  }

  // ---- what comes next

  /** The body of the request that this head began. */
  expectBody(head: RequestHead): void {
    this.state = BODY
    this.#body.begin(requestFraming(head) === 'chunked' ? 'chunked' : 'length', head.contentLength)
  }

  /** Nothing that is wanted before the answer is complete. */
  expectAnswer(): void {
    this.state = ANSWERING
  }

  /** The rest of a body, to be dropped. */
  expectRest(): void {
    this.state = DISCARDING
    this.sinceMs = this.#context.coarseNow
    this.#resume()
  }

  /** Bytes of a tunnel. A client may speak first, right behind its request. */
  expectTunnel(): void {
    const early = this.#stash
    this.#stash = NO_BYTES
    this.state = TUNNEL
    this.#resume()
    if (early.length > 0) this.#passOn(early)
  }

  /** Another request. True: none is here yet. */
  expectRequest(): boolean {
    this.state = HEAD
    this.sinceMs = this.#context.coarseNow
    if (this.#consuming) return false
    if (this.#stash.length > 0) this.#readStash()
    if (this.state === HEAD || this.state === ANSWERING) this.resume()
    return this.state === HEAD
  }

  /** Requests that were pipelined behind the one just answered; what is left of them is stashed again. */
  #readStash(): void {
    const stash = this.#stash
    this.#stash = NO_BYTES
    this.#consume(stash, 0)
  }

  /** Nothing that is wanted, ever; it is read all the same. */
  expectClose(): void {
    this.state = LINGERING
    this.sinceMs = this.#context.coarseNow
    this.#stash = NO_BYTES
    this.abandonBody()
  }

  /** What comes of the body that is being read is nobody's. */
  abandonBody(): void {
    this.#body.abandon()
  }

  // ---- what is there

  get hasBodyLeft(): boolean {
    return !this.#body.done
  }

  /** Bytes of a further request were kept. */
  get hasMore(): boolean {
    return this.#stash.length > 0
  }

  /** Part of a head was read. */
  get hasBegun(): boolean {
    return this.#heads.started
  }

  /** Nothing is asked. */
  get isIdle(): boolean {
    return this.state === HEAD && this.headSinceMs === 0 && !this.#consuming
  }
}
