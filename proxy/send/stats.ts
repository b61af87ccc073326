import { emptyHttp2Stats, type Http2Stats } from '../http2/stats.ts'
import { emptyTlsStats, type TlsStats } from '../tls-stats.ts'

/**
 * What send/ counts, as plain fields that cost nothing to bump and are read by metrics and admin when somebody asks.
 * Names follow Envoy's statistics. Counters only grow; fields ending in Active, and those said to be so, are gauges.
 */

export type EndpointState = 'healthy' | 'fused' | 'half-open' | 'ejected' | 'probing'

export interface EndpointStats {
  readonly id: string
  readonly address: string
  readonly version: string
  readonly zone: string
  /** Gauge: what the endpoint gets now. fused and half-open: the local fuse; ejected and probing: control's word. */
  state: EndpointState
  /** Monotonic moment at which a fused endpoint is tried again, 0 when it is not fused. */
  untilMs: number
  /** Why it is not healthy, for people; '' when it is. */
  why: string
  cxTotal: number
  cxActive: number
  cxConnectFail: number
  rqTotal: number
  rqActive: number
  rqSuccess: number
  rqError: number
  rqTimeout: number
  ejections: number
}

export interface ClusterStats {
  readonly name: string
  cxTotal: number
  cxActive: number
  cxConnectFail: number
  cxConnectTimeout: number
  /** Connections by what is spoken on them. */
  cxHttp1Total: number
  cxHttp2Total: number
  /** Connections closed by the upstream while they were idle or in use. */
  cxDestroyRemote: number
  /** Answers that broke HTTP. */
  cxProtocolError: number
  /** Tries sent to an endpoint. */
  rqTotal: number
  rqActive: number
  rqCompleted: number
  /** Finished tries by status: index 0 for 1xx (a 101) to 4 for 5xx. */
  readonly rqByClass: Float64Array
  /** Finished tries by status code, for codes 100 to 599. */
  readonly rqByStatus: Float64Array
  /** Gauge: requests that wait for a connection. */
  rqPending: number
  rqPendingTotal: number
  rqPendingOverflow: number
  /** Requests refused by maxRequests. */
  rqOverflow: number
  cxOverflow: number
  rqTimeout: number
  rqPerTryTimeout: number
  /** Resets by the upstream before its answer was complete. */
  rqRxReset: number
  /** Tries that we gave up: the client left. */
  rqTxReset: number
  /** Requests that were sent again at once, because nothing had been done with them. */
  rqRefused: number
  rqRetry: number
  rqRetrySuccess: number
  rqRetryOverflow: number
  rqRetryLimitExceeded: number
  rqNoHealthyUpstream: number
  ejectionsActive: number
  ejectionsTotal: number
  /** Ejections that were due but would have passed maxEjected. */
  ejectionsOverflow: number
  membershipTotal: number
  membershipHealthy: number
  readonly tls: TlsStats
  /** Gauge: requests under way over HTTP/2, as of the last sweep. */
  http2StreamsActive: number
  /** Of all its HTTP/2 connections. */
  readonly http2: Http2Stats
  /** Bytes of TCP connections, from endpoints and to them. */
  readonly tcp: { rxBytes: number; txBytes: number; idleTimeout: number }
  /** 1 while too few endpoints are healthy, and so the fuse is ignored. */
  panic: 0 | 1
}

export function emptyClusterStats(name: string): ClusterStats {
  return {
    name,
    cxTotal: 0,
    cxActive: 0,
    cxConnectFail: 0,
    cxConnectTimeout: 0,
    cxHttp1Total: 0,
    cxHttp2Total: 0,
    cxDestroyRemote: 0,
    cxProtocolError: 0,
    rqTotal: 0,
    rqActive: 0,
    rqCompleted: 0,
    rqByClass: new Float64Array(5),
    rqByStatus: new Float64Array(600),
    rqPending: 0,
    rqPendingTotal: 0,
    rqPendingOverflow: 0,
    rqOverflow: 0,
    cxOverflow: 0,
    rqTimeout: 0,
    rqPerTryTimeout: 0,
    rqRxReset: 0,
    rqTxReset: 0,
    rqRefused: 0,
    rqRetry: 0,
    rqRetrySuccess: 0,
    rqRetryOverflow: 0,
    rqRetryLimitExceeded: 0,
    rqNoHealthyUpstream: 0,
    ejectionsActive: 0,
    ejectionsTotal: 0,
    ejectionsOverflow: 0,
    membershipTotal: 0,
    membershipHealthy: 0,
    tls: emptyTlsStats(),
    http2StreamsActive: 0,
    http2: emptyHttp2Stats(),
    tcp: { rxBytes: 0, txBytes: 0, idleTimeout: 0 },
    panic: 0,
  }
}

export function emptyEndpointStats(id: string, address: string, version: string, zone: string): EndpointStats {
  return {
    id,
    address,
    version,
    zone,
    state: 'healthy',
    untilMs: 0,
    why: '',
    cxTotal: 0,
    cxActive: 0,
    cxConnectFail: 0,
    rqTotal: 0,
    rqActive: 0,
    rqSuccess: 0,
    rqError: 0,
    rqTimeout: 0,
    ejections: 0,
  }
}
