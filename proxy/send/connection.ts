// Hot path: one HTTP/1.1 connection to an endpoint; one request at a time.
import type { Socket } from 'node:net'
import type { Fields } from '../exchange.ts'
import { BodyReader } from '../http1/body.ts'
import { type BodyFraming, responseFraming } from '../http1/framing.ts'
import type { InvalidMessage } from '../http1/invalid.ts'
import { responseHeadReader, type ResponseHead as WireHead } from '../http1/response-head.ts'
import { MessageWriter } from '../message-writer.ts'
import { sentenceOf } from '../tls-faults.ts'
import type { Endpoint } from './endpoint.ts'

/** What happens on the way of one request; called in the order it happens. After onAnswered or onBroken nothing more is. */
export interface Carried {
  readonly method: string
  /** The whole request was given to the connection. */
  readonly sent: boolean
  onConnected(connection: UpstreamConnection): void
  onInterim(head: WireHead): void
  /** False: the answer is not wanted; the connection reads it to its end, or closes. */
  onHead(head: WireHead, framing: BodyFraming): boolean
  /** False: congested. */
  onAnswerData(bytes: Buffer): boolean
  onAnswered(trailers: Fields | null): void
  onBroken(cause: Breakage, detail: string): void
  onWritable(): void
}

/** connect: it never came to be. stale: an idle one that was closed as it was used, not one byte came. invalid: not HTTP/1.1. */
export type Breakage = 'connect' | 'connect-timeout' | 'stale' | 'reset' | 'invalid'

export interface ConnectionOwner {
  /** It can carry another request. */
  onFree(connection: UpstreamConnection): void
  /** Called once, before whoever it carried is told. */
  onClosed(connection: UpstreamConnection): void
  /** A bug was met while an answer was read. */
  onBug(error: unknown): void
}

const CONNECTING = 0
const IDLE = 1
const BUSY = 2
/** Reads the rest of an answer nobody wants. */
const DISCARDING = 3
const TUNNEL = 4
const CLOSED = 5

/** How much of an unwanted answer is read for the sake of the connection. */
const DISCARD_BYTES_MAX = 64 * 1024

export class UpstreamConnection {
  readonly endpoint: Endpoint
  readonly writer: MessageWriter
  /** Requests carried, this one included. */
  requests = 0
  /** Monotonic, coarse: since when it connects, is idle, or discards. */
  sinceMs: number
  /** Whom its far end proved to be, as the pool writes it. */
  securedAs = ''
  readonly openedMs: number
  readonly #socket: Socket
  readonly #owner: ConnectionOwner
  readonly #heads = responseHeadReader()
  readonly #body = new BodyReader('response')
  #state = CONNECTING
  #carried: Carried | undefined
  #sawBytes = false
  #inBody = false
  #keep = true
  #ended = false
  #trailers: Fields | null = null
  #detail = ''

  constructor(
    endpoint: Endpoint,
    open: (onBytes: (bytes: Buffer) => void) => Socket,
    secure: boolean,
    owner: ConnectionOwner,
    first: Carried,
    nowMs: number,
  ) {
    this.endpoint = endpoint
    const socket = open(chunk => this.#onChunk(chunk))
    this.#socket = socket
    this.#owner = owner
    this.#carried = first
    this.sinceMs = nowMs
    this.openedMs = nowMs
    this.writer = new MessageWriter(socket)
    socket.on(secure ? 'secureConnect' : 'connect', () => this.#onConnect())
    socket.on('end', () => this.#onEnd())
    socket.on('drain', () => this.#carried?.onWritable())
    socket.on('error', error => {
      this.#detail = sentenceOf(error)
    })
    socket.on('close', () => this.#broken('reset', this.#detail || 'the connection was closed'))
  }

  get connecting(): boolean {
    return this.#state === CONNECTING
  }

  get discarding(): boolean {
    return this.#state === DISCARDING
  }

  // ---- what its user calls

  /** Takes over the next request; its head and body go through `writer` from here on. */
  carry(carried: Carried): void {
    this.#carried = carried
    this.#begin()
  }

  #begin(): void {
    this.#state = BUSY
    this.requests++
    this.#sawBytes = false
    this.#inBody = false
    this.#ended = false
    this.#keep = true
    this.#trailers = null
  }

  /** Turns it into a tunnel without asking in HTTP (CONNECT). */
  becomeTunnel(): void {
    this.#state = TUNNEL
    this.writer.framing = 'tunnel'
  }

  /** Our direction of the tunnel is over. */
  endTunnel(): void {
    this.writer.flush()
    this.#socket.end()
  }

  /** Both directions are: what was written still leaves, nobody is told of anything more. */
  leaveTunnel(): void {
    this.#carried = undefined
    this.endTunnel()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Lets go of the request and closes at once: nobody is told. */
  abandon(): void {
    this.#carried = undefined
    this.#close()
  }

  /** Its first user no longer needs it: once connected it is free for another. */
  forgo(): void {
    this.#carried = undefined
  }

  /** Its connection attempt has taken too long. */
  timeOut(detail: string): void {
    this.#broken('connect-timeout', detail)
  }

  // ---- the endpoint's bytes

  #onConnect(): void {
    // Destroyed in the same moment: the far end is not whom it should be.
    if (this.#state !== CONNECTING || this.#socket.destroyed) return
    const carried = this.#carried
    if (carried === undefined) {
      this.#state = IDLE
      this.#owner.onFree(this)
      return
    }
    this.#begin()
    carried.onConnected(this)
  }

  #onChunk(chunk: Buffer): void {
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
      carried?.onInterim(head)
      return
    }
    const framing = responseFraming(head, carried?.method ?? '')
    this.#keep = head.keepAlive && framing !== 'until-close'
    const wanted = carried?.onHead(head, framing) ?? false
    // The request may have ended here, too: the client left, or the answer was refused.
    if (this.#state === CLOSED) return
    if (framing === 'tunnel') {
      this.becomeTunnel()
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
    this.#socket.resume()
    const cheap = this.#keep && sent && lengthBytes >= 0 && lengthBytes <= DISCARD_BYTES_MAX
    if (cheap) this.#state = DISCARDING
    else this.#close()
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
    if (this.#carried?.onAnswerData(bytes) === false) this.#socket.pause()
  }

  #answered(): void {
    const carried = this.#carried
    const trailers = this.#trailers
    this.#carried = undefined
    // First the connection, then the answer's end: the client's next request may come from within it, and take this connection.
    if (this.#keep && (carried === undefined || carried.sent)) {
      this.#state = IDLE
      this.#socket.resume()
      this.#owner.onFree(this)
    } else this.#close()
    carried?.onAnswered(trailers)
  }

  #onEnd(): void {
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
    const wasConnecting = this.#state === CONNECTING
    const isStale = cause === 'reset' && this.#state === BUSY && this.requests > 1 && !this.#sawBytes
    this.#carried = undefined
    this.#close()
    const told = wasConnecting && cause !== 'connect-timeout' ? 'connect' : isStale ? 'stale' : cause
    carried?.onBroken(told, detail)
  }

  #close(): void {
    if (this.#state === CLOSED) return
    this.#state = CLOSED
    this.#body.abandon()
    this.#socket.destroy()
    this.#owner.onClosed(this)
  }
}

const NO_BYTES = Buffer.alloc(0)
