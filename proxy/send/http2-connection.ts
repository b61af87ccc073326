// Hot path: one HTTP/2 connection to an endpoint: its socket, its codec; all frames of a turn leave in one write.
import { COPY_BYTES_MAX, type Flushable, flushAtEndOfTurn } from '../cork.ts'
import { errorName } from '../http2/codes.ts'
import { Http2Connection } from '../http2/connection.ts'
import type { ByteSink } from '../http2/output.ts'
import type { ConnectionFault, Http2Owner } from '../http2/owner.ts'
import type { Http2Stats } from '../http2/stats.ts'
import type { StreamHost } from './http2-carrier.ts'
import type { Http2UpstreamSettings } from './http2-settings.ts'
import type { SocketUser, UpstreamSocket } from './upstream-socket.ts'

export interface Http2ConnectionOwner {
  /** Coarse monotonic time. */
  readonly nowMs: number
  readonly settings: Http2UpstreamSettings
  readonly stats: Http2Stats
  /** Its settings came: it takes requests. */
  onReady(connection: Http2UpstreamConnection): void
  /** It may take further requests. */
  onFree(): void
  /** It takes no more requests; those that it carries go on. Called once, and before any of them is told of an end. */
  onEnding(connection: Http2UpstreamConnection): void
  /** It is gone. `detail`: why, for people. Called once, before its requests are told. */
  onClosed(connection: Http2UpstreamConnection, detail: string): void
  onBug(error: unknown): void
}

const CODEC_SWEEP_MS = 500

export class Http2UpstreamConnection implements Http2Owner, SocketUser, ByteSink, Flushable, StreamHost {
  readonly socket: UpstreamSocket
  readonly codec: Http2Connection
  readonly secure: boolean
  reads = 0
  proven = false
  requests = 0
  readonly #owner: Http2ConnectionOwner
  #ready = false
  #ending = false
  #closed = false
  /** When bytes last came, or a request was sent. */
  #quietSinceMs: number
  /** Requests were sent since the last PING. */
  #asked = false
  #idleSinceMs: number
  #sweptMs: number

  constructor(socket: UpstreamSocket, secure: boolean, owner: Http2ConnectionOwner) {
    const { nowMs, settings, stats } = owner
    this.socket = socket
    this.secure = secure
    this.#owner = owner
    this.#quietSinceMs = nowMs
    this.#idleSinceMs = nowMs
    this.#sweptMs = nowMs
    this.codec = new Http2Connection('client', this, { limits: settings.limits, stats }, nowMs)
    socket.user = this
    this.codec.start()
  }

  /** Its settings came. */
  get ready(): boolean {
    return this.#ready
  }

  get isIdle(): boolean {
    return this.codec.streamsOpen === 0
  }

  noteRequest(): void {
    this.requests++
    // A connection that was idle is not silent yet; one that is silent does not become less so by what we send.
    if (this.codec.streamsOpen === 1) this.#quietSinceMs = this.#owner.nowMs
    this.#asked = true
  }

  /** Takes no new requests, and closes with the last one under way. */
  drain(): void {
    this.#end()
    this.codec.drain()
  }

  /** Closes at once. Its requests are told so. */
  abandon(detail = ''): void {
    this.#close(detail)
  }

  // ---- the endpoint's bytes (SocketUser)

  onBytes(chunk: Buffer): void {
    const { nowMs } = this.#owner
    this.reads++
    this.#quietSinceMs = nowMs
    try {
      this.codec.feed(chunk, nowMs)
    } catch (error) {
      // A bug in the codec: its state means nothing any more. Bugs of a request end its stream alone (onBug).
      this.#owner.onBug(error)
      this.#close('the proxy failed to read what came')
    }
  }

  onHalfClosed(): void {
    this.#close('the connection was closed')
  }

  onGone(detail: string): void {
    this.#close(detail)
  }

  onDrain(): void {
    this.codec.drained(this.#owner.nowMs)
  }

  // ---- from the codec (Http2Owner)

  wantsFlush(): void {
    flushAtEndOfTurn(this)
  }

  onSettings(): void {
    if (this.#ready) {
      this.#owner.onFree()
      return
    }
    this.#ready = true
    this.#owner.onReady(this)
  }

  onFree(): void {
    this.#owner.onFree()
  }

  onGoAway(): void {
    this.#end()
  }

  onFailed({ code, reason }: ConnectionFault): void {
    this.#lastWords()
    this.#close(`the connection ended with ${errorName(code)}: ${reason}`)
  }

  onDrained(): void {
    this.#lastWords()
    this.#close('the connection was closed')
  }

  onRequest(): void {}
  onPong(): void {}
  onStreamFault(): void {}

  onBug(error: unknown): void {
    this.#owner.onBug(error)
  }

  // ---- the way out

  flushTurn(): void {
    if (!this.#closed) this.codec.flush(this)
  }

  /** From the codec. */
  write(bytes: Buffer): boolean {
    const { stream } = this.socket
    if (!stream.writable) return true
    // TLS holds what it is given until it is encrypted: of a little, a copy, and the large chunk can be used again.
    const isCopied = this.secure && bytes.length <= COPY_BYTES_MAX
    stream.write(isCopied ? Buffer.from(bytes) : bytes)
    if (stream.writableNeedDrain) this.codec.congested()
    return isCopied || stream.writableLength === 0
  }

  #lastWords(): void {
    if (!this.#closed) this.codec.flush(this)
  }

  // ---- the end

  #end(): void {
    if (this.#ending) return
    this.#ending = true
    this.#owner.onEnding(this)
  }

  #close(detail: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#end()
    this.#owner.onClosed(this, detail)
    this.socket.close()
    this.codec.socketClosed(detail)
  }

  // ---- time

  /** Called every now and then. */
  sweep(nowMs: number, idleTimeoutMs: number): void {
    const { codec } = this
    if (nowMs - this.#sweptMs >= CODEC_SWEEP_MS) {
      this.#sweptMs = nowMs
      codec.sweep(nowMs)
      if (this.#closed) return
    }
    if (codec.streamsOpen > 0) {
      this.#idleSinceMs = nowMs
      this.#askWhenQuiet(nowMs)
    } else {
      this.#asked = false
      if (idleTimeoutMs > 0 && this.#ready && nowMs - this.#idleSinceMs > idleTimeoutMs) this.drain()
    }
  }

  /** Nothing but a question tells an endpoint that is slow from one that is gone without a word. */
  #askWhenQuiet(nowMs: number): void {
    const { pingAfterMs, pingIdleMs } = this.#owner.settings
    if (nowMs - this.#quietSinceMs <= (this.#asked ? pingAfterMs : pingIdleMs)) return
    this.#asked = false
    this.#quietSinceMs = nowMs
    this.codec.ping()
  }
}
