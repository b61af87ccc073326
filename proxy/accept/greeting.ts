import type { Socket } from 'node:net'
import { speaksHttp2 } from '../http2/preface.ts'
import type { Accepted, ListenerContext } from './context.ts'

const NO_BYTES = Buffer.alloc(0)

/**
 * A connection in clear text that has not said yet which HTTP it speaks: HTTP/2 begins with a preface that no request has (RFC 9113, 3.3).
 * Waits for no more than it takes to tell: a first byte other than the preface's decides at once.
 */
export class Greeting implements Accepted {
  readonly #socket: Socket
  readonly #context: ListenerContext
  readonly #settle: (speaks: 'http1' | 'http2', first: Buffer) => Accepted
  readonly #sinceMs: number
  #heard: Buffer = NO_BYTES

  /** @param settle called once: makes the connection that reads on from `first`; this one is over then */
  constructor(
    socket: Socket,
    context: ListenerContext,
    settle: (speaks: 'http1' | 'http2', first: Buffer) => Accepted,
  ) {
    this.#socket = socket
    this.#context = context
    this.#settle = settle
    this.#sinceMs = context.coarseNow
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', ignore)
    socket.on('close', this.#onClose)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#heard = this.#heard.length === 0 ? chunk : Buffer.concat([this.#heard, chunk])
    const said = speaksHttp2(this.#heard)
    if (said !== 'unclear') this.#become(said === 'yes' ? 'http2' : 'http1')
  }

  readonly #onEnd = (): void => {
    this.#socket.end()
  }

  readonly #onClose = (): void => this.#context.closed(this)

  #become(speaks: 'http1' | 'http2'): Accepted {
    const socket = this.#socket
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('error', ignore)
    socket.off('close', this.#onClose)
    this.#context.closed(this)
    return this.#settle(speaks, this.#heard)
  }

  sweep(nowMs: number): void {
    const { limits, stats } = this.#context
    const timeoutMs = this.#heard.length === 0 ? limits.idleTimeoutMs : limits.headTimeoutMs
    if (nowMs - this.#sinceMs <= timeoutMs || this.#socket.writableEnded) return
    stats.cxIdleTimeout++
    this.#become('http1').drain()
  }

  /** What has asked nothing yet ends as an idle connection does. */
  drain(): void {
    if (!this.#socket.writableEnded) this.#become('http1').drain()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

function ignore(): void {}
