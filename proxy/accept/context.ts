import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import type { Direction, Stage } from '../exchange.ts'
import type { Failure } from '../failures.ts'
import type { Http2Options } from '../http2/connection.ts'
import type { ListenerLimits } from './settings.ts'
import type { ListenerStats } from './stats.ts'

/** A request that never reached a stage, or whose body broke: counted and told here, because no exchange tells of it. */
export interface Rejection {
  failure: Failure
  direction: Direction
  peerAddress: string
}

export interface AcceptEvents {
  onRejected?(rejection: Rejection): void
}

/** One downstream connection, whatever it speaks. */
export interface Accepted {
  /** Called every now and then with the coarse time. */
  sweep(nowMs: number): void
  /** Takes nothing new, and closes when what is under way is over. */
  drain(): void
  destroy(): void
}

/** What the HTTP/2 connections of one listener share. */
export interface Http2Context {
  readonly options: Http2Options
  /** Tells of a connection that ended badly: of each kind only now and then. */
  say(kind: string, line: string): void
}

/** What the connections of one listener share. */
export interface ListenerContext {
  readonly direction: Direction
  readonly allowConnect: boolean
  readonly limits: ListenerLimits
  readonly handler: Stage
  readonly clock: Clock
  readonly log: Log
  readonly events: AcceptEvents
  readonly stats: ListenerStats
  readonly http2: Http2Context
  /** Monotonic, as of the last sweep: precise enough for timeouts, and free. */
  coarseNow: number
  draining: boolean
  closed(connection: Accepted): void
}
