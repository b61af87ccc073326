import {
  ENABLE_CONNECT_PROTOCOL,
  ENABLE_PUSH,
  FLOW_CONTROL_ERROR,
  FRAME_BYTES_MAX,
  HEADER_TABLE_SIZE,
  INITIAL_WINDOW_BYTES,
  INITIAL_WINDOW_SIZE,
  MAX_CONCURRENT_STREAMS,
  MAX_FRAME_SIZE,
  MAX_HEADER_LIST_SIZE,
  NO_RFC7540_PRIORITIES,
  PROTOCOL_ERROR,
  WINDOW_MAX,
} from './codes.ts'
import type { Http2Limits } from './limits.ts'

export type Role = 'server' | 'client'

/** Streams that are opened before the server's settings are known. */
const STREAMS_BEFORE_SETTINGS = 100
const FRAME_BYTES_LARGEST = 2 ** 24 - 1
/** More than a setting can say. */
const UNBOUNDED = 2 ** 32

/** What the peer's SETTINGS say (RFC 9113, 6.5.2). */
export class PeerSettings {
  headerTableBytes = 4096
  streamsMax = STREAMS_BEFORE_SETTINGS
  initialWindowBytes = INITIAL_WINDOW_BYTES
  /** What it takes of a header list, as list-size.ts counts: advice that costs the connection, and all that it carries, where we do not heed it. */
  headerListBytesMax = UNBOUNDED
  /** Ours are never larger than FRAME_BYTES_MAX, whatever the peer takes. */
  frameBytesMax = FRAME_BYTES_MAX
  /** RFC 8441: it takes an extended CONNECT. */
  extendedConnect = false
  /** They came. */
  known = false

  /** Takes one setting. @returns the error code of what is not allowed, or 0 */
  take(role: Role, id: number, value: number): number {
    switch (id) {
      case HEADER_TABLE_SIZE:
        this.headerTableBytes = value
        return 0
      case ENABLE_PUSH:
        // A server has nothing to enable, and must not say 1 (6.5.2).
        return value > 1 || (role === 'client' && value === 1) ? PROTOCOL_ERROR : 0
      case MAX_CONCURRENT_STREAMS:
        this.streamsMax = value
        return 0
      case INITIAL_WINDOW_SIZE:
        if (value > WINDOW_MAX) return FLOW_CONTROL_ERROR
        this.initialWindowBytes = value
        return 0
      case MAX_FRAME_SIZE:
        return value < FRAME_BYTES_MAX || value > FRAME_BYTES_LARGEST ? PROTOCOL_ERROR : 0
      case MAX_HEADER_LIST_SIZE:
        this.headerListBytesMax = value
        return 0
      case ENABLE_CONNECT_PROTOCOL:
        if (value > 1 || (this.extendedConnect && value === 0)) return PROTOCOL_ERROR
        this.extendedConnect = value === 1
        return 0
      case NO_RFC7540_PRIORITIES:
        return value > 1 ? PROTOCOL_ERROR : 0
      default:
        return 0
    }
  }

  /** The peer's first SETTINGS are complete: without a word on it, streams are unbounded. */
  firstComplete(saidStreamsMax: boolean): void {
    this.known = true
    if (!saidStreamsMax) this.streamsMax = WINDOW_MAX
  }
}

/** Our own: identifier, value, identifier, value ... */
export function ownSettings(role: Role, limits: Http2Limits, extendedConnect: boolean): number[] {
  const entries = [
    HEADER_TABLE_SIZE,
    limits.headerTableBytesMax,
    INITIAL_WINDOW_SIZE,
    limits.streamWindowBytes,
    MAX_HEADER_LIST_SIZE,
    limits.headerListBytesMax,
  ]
  if (role === 'client') return [...entries, ENABLE_PUSH, 0]
  entries.push(MAX_CONCURRENT_STREAMS, limits.concurrentStreamsMax, NO_RFC7540_PRIORITIES, 1)
  return extendedConnect ? [...entries, ENABLE_CONNECT_PROTOCOL, 1] : entries
}
