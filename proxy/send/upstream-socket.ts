// Hot path: one socket to an endpoint, whoever uses it: first the dial, then what speaks on it.
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { sentenceOf } from '../../runtime/tls-faults.ts'
import type { Endpoint } from './endpoint.ts'

/** Whom a socket's events are told. */
export interface SocketUser {
  /** Of the first user: it is there, TLS included. */
  onConnect?(): void
  onBytes(chunk: Buffer): void
  /** The endpoint sends no more. */
  onHalfClosed(): void
  onDrain(): void
  /** It is gone, and nobody here asked for that. To be answered with `close`. */
  onGone(detail: string): void
}

export type OpenSocket = (onBytes: (bytes: Buffer) => void) => Socket

export class UpstreamSocket {
  readonly endpoint: Endpoint
  /** How its far end proved itself, as the pool writes it. */
  readonly securedAs: string
  readonly openedMs: number
  /** For writing. */
  readonly stream: Socket
  user: SocketUser
  readonly #onClosed: (socket: UpstreamSocket) => void
  #closed = false
  #detail = ''

  /** `secure`: TLS, whose end of the handshake is waited for. `onClosed` is called once, however it ends. */
  constructor(
    endpoint: Endpoint,
    open: OpenSocket,
    secure: boolean,
    securedAs: string,
    user: SocketUser,
    nowMs: number,
    onClosed: (socket: UpstreamSocket) => void,
  ) {
    this.endpoint = endpoint
    this.securedAs = securedAs
    this.openedMs = nowMs
    this.user = user
    this.#onClosed = onClosed
    const stream = open(chunk => this.user.onBytes(chunk))
    this.stream = stream
    // Destroyed in the same moment: the far end is not whom it should be.
    stream.on(secure ? 'secureConnect' : 'connect', () => {
      if (!this.#closed && !stream.destroyed) this.user.onConnect?.()
    })
    stream.on('end', () => this.user.onHalfClosed())
    stream.on('drain', () => this.user.onDrain())
    stream.on('error', error => {
      this.#detail = sentenceOf(error)
    })
    stream.on('close', () => {
      if (!this.#closed) this.user.onGone(this.#detail || 'the connection was closed')
    })
  }

  /** It is TLS. */
  get isSecure(): boolean {
    return 'encrypted' in this.stream
  }

  /** What TLS agreed on, '' when that is nothing. */
  get alpn(): string {
    const { alpnProtocol } = this.stream as Partial<TLSSocket>
    return typeof alpnProtocol === 'string' ? alpnProtocol : ''
  }

  pause(): void {
    this.stream.pause()
  }

  resume(): void {
    this.stream.resume()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.stream.destroy()
    this.#onClosed(this)
  }
}
