import type { Http2Limits } from '../http2/limits.ts'

/** How connections of HTTP/2 to upstreams are kept. */
export interface Http2UpstreamSettings {
  /** To one endpoint, at once. A further one is opened when the streams of the others are all taken; those that end do not count. */
  connectionsPerEndpointMax: number
  /** A request was sent and nothing came for so long: a PING asks, once, whether the endpoint is still there (limit pingTimeoutMs). */
  pingAfterMs: number
  /** The same where no further request was sent meanwhile. Servers of gRPC end connections that ask more often than every five minutes. */
  pingIdleMs: number
  /** What an endpoint may do to us; the rest as for everybody. */
  limits: Partial<Http2Limits>
}

export const DEFAULT_HTTP2_UPSTREAM: Http2UpstreamSettings = {
  connectionsPerEndpointMax: 2,
  pingAfterMs: 5000,
  pingIdleMs: 301_000,
  limits: {
    pingTimeoutMs: 5000,
    // Many clients share a connection: those who read slowly, a window each, must not stop it for the others. maxRequests bounds them.
    unconsumedBytesMax: 256 * 1024 * 1024,
    // The same the other way: uploads that it does not take now wait, a queue each.
    unsentBytesMax: 256 * 1024 * 1024,
    // A server with small windows is somebody's choice, not an attack.
    windowUpdatesBurst: 10_000,
  },
}
