import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import type { Direction, Stage } from '../exchange.ts'
import type { Failure } from '../failures.ts'
import type { DownstreamConnection } from './connection.ts'
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
  /** Monotonic, as of the last sweep: precise enough for timeouts, and free. */
  coarseNow: number
  draining: boolean
  closed(connection: DownstreamConnection): void
}
