import { PROTOCOL_ERROR, STREAM_CLOSED } from './codes.ts'
import type { ConnectionState } from './state.ts'

/**
 * HEADERS or DATA of a stream that is no more, or never was (RFC 9113, 5.1): after our reset they were under way and mean nothing;
 * behind the peer's own end they are its fault.
 * @returns whether to go on reading
 */
export function refuseLate(state: ConnectionState, streamId: number, what: string): boolean {
  if (isIdle(state, streamId)) {
    state.fail(PROTOCOL_ERROR, `${what} on a stream that was not opened`)
    return false
  }
  if (isTooLate(state, streamId)) return true
  switch (state.closed.endingOf(streamId)) {
    case 'reset-by-us':
      return true
    case 'reset-by-peer':
      return state.streamFault(streamId, STREAM_CLOSED, `${what} on a stream that the peer reset`)
    case 'ended':
      state.fail(STREAM_CLOSED, `${what} on a stream that has ended`)
      return false
    default:
      // Ended long ago, or passed over when a higher one was opened (5.1.1).
      state.fail(PROTOCOL_ERROR, `${what} on a stream below those that are open`)
      return false
  }
}

/** Opened after our last GOAWAY, which says that nothing becomes of it: nobody looks at it (6.8). */
function isTooLate(state: ConnectionState, streamId: number): boolean {
  return state.lastTakenId >= 0 && state.isPeers(streamId) && streamId > state.lastTakenId
}

/** Nobody has opened it yet. */
export function isIdle(state: ConnectionState, streamId: number): boolean {
  if (isTooLate(state, streamId)) return false
  return state.isPeers(streamId) ? streamId > state.lastPeerId : streamId >= state.nextOwnId
}
