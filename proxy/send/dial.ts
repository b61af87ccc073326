import type { Applicant, Carried, Coming } from './carrier.ts'
import type { Endpoint } from './endpoint.ts'
import { type OpenSocket, type SocketUser, UpstreamSocket } from './upstream-socket.ts'

export interface DialOwner {
  /** The socket is there; whoever speaks on it takes it over. `waiter`: whom it was made for, if that still wants it. */
  onDialed(dial: Dial, waiter: Applicant | undefined): void
  /** It came to nothing; `cause` undefined: nobody wants it any more. Called before the waiter is told. */
  onDialFailed(dial: Dial, cause: DialFailure | undefined, detail: string): void
}

export type DialFailure = 'connect' | 'connect-timeout'

/** A connection on its way. */
export class Dial implements SocketUser, Coming {
  readonly socket: UpstreamSocket
  /** Monotonic, coarse. */
  readonly sinceMs: number
  readonly #owner: DialOwner
  #waiter: Applicant | undefined
  #over = false

  constructor(
    endpoint: Endpoint,
    open: OpenSocket,
    secure: boolean,
    securedAs: string,
    owner: DialOwner,
    waiter: Applicant | undefined,
    nowMs: number,
    onClosed: (socket: UpstreamSocket) => void,
  ) {
    this.sinceMs = nowMs
    this.#owner = owner
    this.#waiter = waiter
    this.socket = new UpstreamSocket(endpoint, open, secure, securedAs, this, nowMs, onClosed)
  }

  leave(_waiter: Carried, giveUp: boolean): void {
    this.#waiter = undefined
    if (giveUp) this.giveUp()
  }

  giveUp(): void {
    this.#fail(undefined, '')
  }

  timeOut(detail: string): void {
    this.#fail('connect-timeout', detail)
  }

  // ---- from the socket

  onConnect(): void {
    this.#over = true
    this.#owner.onDialed(this, this.#waiter)
  }

  /** A server that speaks before it is spoken to: no HTTP does. */
  onBytes(): void {
    this.#fail('connect', 'bytes came while no request was open')
  }

  onHalfClosed(): void {
    this.#fail('connect', 'the connection was closed before an answer')
  }

  onDrain(): void {}

  onGone(detail: string): void {
    this.#fail('connect', detail)
  }

  #fail(cause: DialFailure | undefined, detail: string): void {
    if (this.#over) return
    this.#over = true
    const waiter = this.#waiter
    this.#waiter = undefined
    this.#owner.onDialFailed(this, cause, detail)
    this.socket.close()
    if (cause !== undefined) waiter?.onBroken(cause, detail)
  }
}
