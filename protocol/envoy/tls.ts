/** Certificates and TLS contexts in Envoy's shapes: admin.v3.Certificates, and transport sockets of listeners and clusters. */

/** One certificate as /certs tells it. */
export interface CertificateShape {
  /** Where it was read from, or `<inline>`. */
  path: string
  serialNumber: string
  uris: readonly string[]
  dnsNames: readonly string[]
  validFromMs: number
  expirationMs: number
}

const DAY_MS = 86_400_000

/** admin.v3.CertificateDetails. */
export function envoyCertificate(certificate: CertificateShape, nowMs: number): Record<string, unknown> {
  const { path, serialNumber, uris, dnsNames, validFromMs, expirationMs } = certificate
  return {
    path,
    serial_number: serialNumber.toLowerCase(),
    subject_alt_names: [...uris.map(uri => ({ uri })), ...dnsNames.map(dns => ({ dns }))],
    days_until_expiration: String(Math.max(0, Math.floor((expirationMs - nowMs) / DAY_MS))),
    valid_from: new Date(validFromMs).toISOString(),
    expiration_time: new Date(expirationMs).toISOString(),
  }
}

/** What one side shows and whom it believes. Private keys have no place here. */
export interface TlsContextShape {
  chainPem: string
  roots: readonly string[]
  minVersion: string
  /** How the far end's SPIFFE id must read; undefined: nothing is asked of it. */
  peer: { exact: string } | { prefix: string } | undefined
}

const redacted = { inline_string: '[redacted]' }
const typed = (name: string) => `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${name}`

function commonContext({ chainPem, roots, minVersion, peer }: TlsContextShape): Record<string, unknown> {
  return {
    tls_params: { tls_minimum_protocol_version: minVersion.replace('.', '_') },
    tls_certificates:
      chainPem === '' ? [] : [{ certificate_chain: { inline_string: chainPem }, private_key: redacted }],
    ...(roots.length === 0
      ? {}
      : {
          validation_context: {
            trusted_ca: { inline_string: roots.join('') },
            ...(peer === undefined ? {} : { match_typed_subject_alt_names: [{ san_type: 'URI', matcher: peer }] }),
          },
        }),
    alpn_protocols: ['http/1.1'],
  }
}

/** transport_socket of a filter chain. */
export function envoyDownstreamTls(
  context: TlsContextShape,
  requireClientCertificate: boolean,
): Record<string, unknown> {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': typed('DownstreamTlsContext'),
      common_tls_context: commonContext(context),
      require_client_certificate: requireClientCertificate,
    },
  }
}

/** transport_socket of a cluster; `sni`: '' for none. */
export function envoyUpstreamTls(context: TlsContextShape, sni: string): Record<string, unknown> {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': typed('UpstreamTlsContext'),
      common_tls_context: commonContext(context),
      ...(sni === '' ? {} : { sni }),
    },
  }
}
