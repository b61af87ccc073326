import type { RequestHead } from './heads.ts'
import type { Http2Limits } from './limits.ts'
import type { Stream } from './stream.ts'

/** Why a connection ended that did not end well. */
export interface ConnectionFault {
  /** As in our GOAWAY (RFC 9113, 7). */
  readonly code: number
  /** One sentence for people; holds no bytes of the peer. */
  readonly reason: string
  /** The bound that was passed, '' for a broken rule. */
  readonly limit: keyof Http2Limits | ''
}

/** Whoever has the socket. No call may be answered by feeding the connection. */
export interface Http2Owner {
  /** Bytes wait: call `flush` at the end of this turn. Said once until then. */
  wantsFlush(): void
  /** Server only: sets stream.user before it returns, unless it resets the stream or says all of its answer. `ended`: there is no body, and onEnd is not called. */
  onRequest(stream: Stream, head: RequestHead, ended: boolean): void
  /** The peer's SETTINGS came, the first or new ones: see streamsFree and extendedConnect. */
  onSettings(): void
  /** Client only: a stream's place is free again. */
  onFree(): void
  /** The peer says that it will take no new streams. Those that it does nothing with are told so (unprocessed) next. */
  onGoAway(code: number, reason: string): void
  onPong(): void
  /** GOAWAY waits in the output, all streams are told: flush, and close the socket. Nothing is read any more. */
  onFailed(fault: ConnectionFault): void
  /** After `drain`, or the peer's GOAWAY, the last stream ended: flush, and end the socket. */
  onDrained(): void
  /** A message broke a rule and its stream was reset: for the log. */
  onStreamFault(streamId: number, code: number, reason: string): void
  /** A user threw: its stream was reset with INTERNAL_ERROR, the others go on. */
  onBug(error: unknown): void
}
