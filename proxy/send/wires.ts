import type { Upstream } from '../../protocol/snapshot.ts'

/** What is spoken with the endpoints of an upstream. http2: by prior knowledge (RFC 9113, 3.3). negotiated: what TLS agrees on (ALPN). */
export type Wires = 'http1' | 'http2' | 'negotiated'

/** Between proxies HTTP/2 wherever TLS can tell that both speak it; elsewhere what the protocol of the upstream says. */
export function wiresOf({ protocol, tls, peerSpiffeId }: Pick<Upstream, 'protocol' | 'tls' | 'peerSpiffeId'>): Wires {
  const asksForHttp2 = protocol === 'http2' || protocol === 'grpc'
  if (peerSpiffeId !== undefined) return protocol === 'tcp' ? 'http1' : 'negotiated'
  if (!asksForHttp2) return 'http1'
  return tls === undefined ? 'http2' : 'negotiated'
}

/** The words of ALPN (RFC 7301), the preferred one first. */
export const ALPN_HTTP1: readonly string[] = ['http/1.1']
/** Of TCP: whatever the application speaks. */
export const NO_ALPN: readonly string[] = []
export const ALPN_BOTH: readonly string[] = ['h2', 'http/1.1']
