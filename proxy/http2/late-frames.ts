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
  // Opened after our GOAWAY: it was told that nothing becomes of it.
  if (state.isPeers(streamId) && state.lastTakenId >= 0 && streamId > state.lastTakenId) return true
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

/** Nobody has opened it yet. */
export function isIdle(state: ConnectionState, streamId: number): boolean {
  return state.isPeers(streamId) ? streamId > state.lastPeerId : streamId >= state.nextOwnId
}
