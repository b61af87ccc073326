import type { Socket } from 'node:net'
import type { Accepted, ListenerContext } from '../accept/context.ts'
import type { Client } from '../accept/security.ts'
import type { Attempt, Direction } from '../exchange.ts'
import { type Failure, failure } from '../failures.ts'
import type { Relay } from './relay.ts'
import { reset } from './reset.ts'

/** Whatever is done for a connection until it is over: dialling, relaying. Set by send/ before it returns. */
export interface Passage {
  /** The connection is over by somebody else's word: both sides of it are reset, what was begun is given up. */
  abandon(): void
  /** Called every now and then. */
  sweep(nowMs: number): void
}

/** How a connection went for its caller, once that is known: when the far end took it, or when it will not come to be. */
export interface Taken {
  /** As a request's would be: 0, or 403 where the far end reset it before it sent anything, which is how a proxy denies. */
  status: number
  failure: Failure | undefined
  /** Until it stood, or failed. */
  durationMs: number
}

/** A stage of TCP connections: sees to it that the connection ends. Never throws, never waits. */
export type TcpStage = (connection: TcpConnection) => void

/**
 * One TCP connection and what it is carried to: for connections what Exchange is for requests. `accept/` makes it, the stages between note
 * what they decided and pass it on, `send/` finds it an endpoint and moves its bytes. Until then nothing of it is read.
 */
export class TcpConnection implements Accepted {
  readonly direction: Direction
  readonly downstream: Socket
  readonly peerAddress: string
  /** Monotonic. */
  readonly startedMs: number

  // accept/: who calls, by its certificate alone; '' when it showed none
  source: string
  sourceId: string
  // authorize/: as of an exchange
  intention = ''
  // route/
  service = ''
  version = ''
  /** Monotonic moment by which it must stand, 0: none. */
  deadlineMs = 0
  // send/
  endpointId = ''
  endpointAddress = ''
  attempts = 0
  /** The version that the first attempt failed at, when another endpoint was tried after it. */
  firstVersion = ''
  passage: Passage | undefined = undefined
  relay: Relay | undefined = undefined

  /** observe/ is told of each attempt, once of how it went, and once when it is over. */
  onAttempt: ((connection: TcpConnection, attempt: Attempt) => void) | undefined = undefined
  onTaken: ((connection: TcpConnection, taken: Taken) => void) | undefined = undefined

  failure: Failure | undefined = undefined
  durationMs = 0
  over = false
  readonly #context: ListenerContext
  readonly #whenOver: ((connection: TcpConnection) => void)[] = []
  #told = false
  /** When our side was closed while the client's was not; -1: it was not. */
  #closedMs = -1

  constructor(
    downstream: Socket,
    { source, sourceId }: Pick<Client, 'source' | 'sourceId'>,
    peerAddress: string,
    context: ListenerContext,
  ) {
    this.direction = context.direction
    this.downstream = downstream
    this.peerAddress = peerAddress
    this.startedMs = context.clock.now()
    this.source = source
    this.sourceId = sourceId
    this.#context = context
    context.stats.tcp.cxTotal++
    context.stats.tcp.cxActive++
    downstream.on('error', () => {})
    downstream.on('close', this.#onClose)
  }

  get received(): number {
    return this.relay?.received ?? 0
  }

  get sent(): number {
    return this.relay?.sent ?? 0
  }

  get time(): { readonly coarseNow: number } {
    return this.#context
  }

  get counts(): ListenerContext['stats']['tcp'] {
    return this.#context.stats.tcp
  }

  whenOver(callback: (connection: TcpConnection) => void): void {
    this.#whenOver.push(callback)
  }

  /** Gone before anything was carried; a relay sees to itself. */
  readonly #onClose = (): void => {
    this.#context.closed(this)
    if (this.over || this.relay !== undefined) return
    this.failure ??= failure('DC', 'the client left')
    this.passage?.abandon()
    this.finish()
  }

  /** It goes nowhere. A client that is denied sees a reset; else an end, so that whoever asks through another proxy can tell the two apart. */
  refuse(cause: Failure): void {
    if (this.over) return
    this.failure = cause
    this.finish()
    if (cause.flag === 'UAEX') {
      reset(this.downstream)
      return
    }
    // Bytes that nobody reads would turn our FIN into a reset.
    this.#closedMs = this.#context.coarseNow
    this.downstream.resume()
    this.downstream.end()
  }

  /** Ends it wherever it is, by a reset of both sides. */
  cut(cause: Failure): void {
    if (this.over) return
    this.failure = cause
    this.passage?.abandon()
    this.finish()
    reset(this.downstream)
  }

  /** How it went is known: told once, whoever is first. */
  taken(status: number, cause: Failure | undefined, durationMs: number): void {
    if (this.#told) return
    this.#told = true
    this.onTaken?.(this, { status, failure: cause, durationMs })
  }

  /** Called once, by whoever ended it. */
  finish(): void {
    if (this.over) return
    this.over = true
    this.passage = undefined
    this.durationMs = this.#context.clock.now() - this.startedMs
    this.#context.stats.tcp.cxActive--
    this.taken(0, this.failure, this.durationMs)
    for (const callback of this.#whenOver) callback(this)
  }

  // ---- Accepted

  sweep(nowMs: number): void {
    if (this.#closedMs >= 0 && nowMs - this.#closedMs > this.#context.limits.lingerMs) this.downstream.destroy()
    this.passage?.sweep(nowMs)
  }

  /** What stands goes on for as long as the listener's grace lasts. */
  drain(): void {}

  destroy(): void {
    this.cut(failure('LH', 'the proxy shut down, and the time for connections to end by themselves was over'))
    this.downstream.destroy()
  }
}
