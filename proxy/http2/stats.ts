import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from './limits.ts'

/** What connections count, as plain fields, read by metrics and admin when somebody asks. One record may serve many connections. */
export interface Http2Stats {
  /** How often each limit was met. */
  readonly limits: Record<keyof Http2Limits, number>
  streamsOpened: number
  /** Both directions ended. */
  streamsFinished: number
  /** The peer took them back. */
  resetsReceived: number
  /** By us, whoever was at fault. */
  resetsSent: number
  /** Messages that break RFC 9113, 8: of those resets. */
  malformed: number
  /** Connections that we ended for an error of the peer, the limits' included. */
  connectionErrors: number
  pingsReceived: number
  goAwaysReceived: number
}

export function emptyHttp2Stats(): Http2Stats {
  const limits = { ...DEFAULT_HTTP2_LIMITS }
  for (const name of Object.keys(limits) as (keyof Http2Limits)[]) limits[name] = 0
  return {
    limits,
    streamsOpened: 0,
    streamsFinished: 0,
    resetsReceived: 0,
    resetsSent: 0,
    malformed: 0,
    connectionErrors: 0,
    pingsReceived: 0,
    goAwaysReceived: 0,
  }
}
