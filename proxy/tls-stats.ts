import { type TlsFault, tlsFaults } from '../runtime/tls-faults.ts'

/** What one side of TLS counts, as plain fields, for one listener or one upstream. */
export interface TlsStats {
  /** Gauge: handshakes under way, or waiting for their turn. */
  active: number
  /** Handshakes that came to a good end, resumed ones included. */
  handshakes: number
  /** Of them, those that took up an earlier session: no signature was made or checked. */
  resumed: number
  /** Handshakes that did not, by why. */
  readonly faults: Record<TlsFault, number>
}

export function emptyTlsStats(): TlsStats {
  return {
    active: 0,
    handshakes: 0,
    resumed: 0,
    faults: Object.fromEntries(tlsFaults.map(fault => [fault, 0])) as Record<TlsFault, number>,
  }
}

/** Envoy's groups of failures. */
export const envoyFaultGroups = {
  fail_verify_no_cert: ['no_certificate'],
  fail_verify_san: ['no_spiffe_id', 'several_spiffe_ids', 'no_service_id', 'other_trust_domain', 'wrong_identity'],
  fail_verify_error: [
    'expired',
    'not_yet_valid',
    'unknown_issuer',
    'self_signed',
    'bad_chain',
    'weak_key',
    'ca_certificate',
  ],
  connection_error: [
    'plain_text',
    'protocol',
    'refused_by_peer',
    'no_own_certificate',
    'timeout',
    'overflow',
    'broken_off',
  ],
} as const satisfies Record<string, readonly TlsFault[]>

export function faultsOfGroup({ faults }: TlsStats, group: keyof typeof envoyFaultGroups): number {
  return envoyFaultGroups[group].reduce((sum, fault) => sum + faults[fault], 0)
}
