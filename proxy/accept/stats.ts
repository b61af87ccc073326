import { emptyHttp2Stats, type Http2Stats } from '../http2/stats.ts'
import { emptyTlsStats, type TlsStats } from '../tls-stats.ts'

/** What a listener counts of the TCP connections that it carries. */
export interface TcpStats {
  cxTotal: number
  cxActive: number
  /** From clients, and to them. */
  rxBytes: number
  txBytes: number
  /** Closed because nothing passed for too long. */
  idleTimeout: number
  /** Closed because there was nowhere to carry them. */
  cxNoRoute: number
}

/** What a listener counts, as plain fields, read by metrics and admin when somebody asks. Fields ending in Active are gauges. */
export interface ListenerStats {
  cxTotal: number
  cxActive: number
  /** Connections refused because the listener was full. */
  cxOverflow: number
  rqTotal: number
  rqActive: number
  /** Requests refused by the codec, nothing forwarded: 400, 414, 431, 501, 505. */
  rqRejected: number
  /** Slow heads and slow bodies: 408. */
  rqTimeout: number
  /** Connections closed because nothing was asked for too long. */
  cxIdleTimeout: number
  /** Clients that did not read their answer for too long. */
  cxStalled: number
  /** Gauge: tunnels (WebSocket, CONNECT). */
  tunnelsActive: number
  /** Connections and requests in clear text, where TLS is taken, too: what a migration to strict still has to move. */
  cxPlain: number
  rqPlain: number
  /** Connections in clear text that were refused because TLS alone is taken. */
  cxPlainRefused: number
  readonly tls: TlsStats
  cxHttp2Total: number
  cxHttp2Active: number
  http2StreamsActive: number
  readonly http2: Http2Stats
  readonly tcp: TcpStats
}

export function emptyListenerStats(): ListenerStats {
  return {
    cxTotal: 0,
    cxActive: 0,
    cxOverflow: 0,
    rqTotal: 0,
    rqActive: 0,
    rqRejected: 0,
    rqTimeout: 0,
    cxIdleTimeout: 0,
    cxStalled: 0,
    tunnelsActive: 0,
    cxPlain: 0,
    rqPlain: 0,
    cxPlainRefused: 0,
    tls: emptyTlsStats(),
    cxHttp2Total: 0,
    cxHttp2Active: 0,
    http2StreamsActive: 0,
    http2: emptyHttp2Stats(),
    tcp: { cxTotal: 0, cxActive: 0, rxBytes: 0, txBytes: 0, idleTimeout: 0, cxNoRoute: 0 },
  }
}
