import type { X509Certificate } from 'node:crypto'
import type { TlsOptions } from 'node:tls'
import type { TlsFault } from '../../runtime/tls-faults.ts'

/** How a listener takes its next connection. Asked anew for each, so that a change drops none that stands. */
export interface Security {
  /** off: clear text. strict: TLS alone. permissive: both, told apart by the first byte. */
  mode: 'off' | 'permissive' | 'strict'
  /** What handshakes are made with, the same object for as long as it holds; undefined: there is no certificate of our own yet. */
  tls: TlsOptions | undefined
  /**
   * Judges who came. `chainFault` is what TLS found wrong with the chain, undefined when it holds; without a certificate both are undefined.
   */
  judge(certificate: X509Certificate | undefined, chainFault: string | undefined): ClientVerdict
  /** What a client that speaks clear text to a TLS port is told. */
  plainRefusal: string
}

export type ClientVerdict = ({ status: 'ok' } & Client) | { status: 'refused'; fault: TlsFault; detail: string }

/** Who is at the other end, as far as a certificate proved it. */
export interface Client {
  /** Service and SPIFFE id; '' when nothing was proved. */
  source: string
  sourceId: string
  /** Value of x-forwarded-client-cert for whom the request goes on to; '' for none. */
  clientCertificate: string
}

export const unknownClient: Client = { source: '', sourceId: '', clientCertificate: '' }

/**
 * What is served behind TLS, by ALPN, the first that the client knows, too; one that offers none of it is refused (RFC 7301, 3.2). Behind the
 * TLS of a TCP service stands whatever it is, so nothing is chosen and no client refused for what it offers.
 */
export function servedProtocols(http2: boolean, tcp: boolean): string[] {
  if (tcp) return []
  return http2 ? ['h2', 'http/1.1'] : ['http/1.1']
}
