import { tlsFaults } from '../../runtime/tls-faults.ts'
import { envoyFaultGroups, faultsOfGroup, type TlsStats } from '../tls-stats.ts'
import { type ComputedFamily, clusterLabels, type FamilyValue } from './families.ts'
import type { ListenerCounts } from './listener-families.ts'
import type { ClusterView } from './upstream-families.ts'

const DAY_MS = 86_400_000
const groups = Object.keys(envoyFaultGroups) as (keyof typeof envoyFaultGroups)[]

export interface TlsFacts {
  listeners: () => readonly ListenerCounts[]
  clusters: () => readonly ClusterView[]
  /** Of the proxy's own certificate, ms since 1970; undefined: it has none. */
  notAfterMs: () => number | undefined
  renewals: () => number
  renewalFailures: () => number
  wall: () => number
}

/** Families of TLS on both sides: Envoy's names for listeners and clusters, ours for what it has no word for. */
export function tlsFamilies(facts: TlsFacts, localCluster: string): ComputedFamily[] {
  return [
    ...envoyFamilies('listener', () => ofListeners(facts, localCluster)),
    ...envoyFamilies('cluster', () => ofClusters(facts, localCluster)),
    handshakes(facts),
    {
      name: 'trimtab_tls_handshakes_active',
      type: 'gauge',
      help: 'TLS handshakes under way.',
      values: () =>
        sides.map(side => ({
          labels: { side },
          value: statsOf(facts, side).reduce((sum, { active }) => sum + active, 0),
        })),
    },
    failures(facts),
    ...plainFamilies(facts, localCluster),
    ...certificateFamilies(facts),
  ]
}

interface Labelled {
  labels: Record<string, string>
  stats: TlsStats
}

function ofListeners({ listeners }: TlsFacts, localCluster: string): Labelled[] {
  return listeners().map(({ name, stats }) => ({
    labels: { envoy_listener_address: name, local_cluster: localCluster },
    stats: stats.tls,
  }))
}

function ofClusters({ clusters }: TlsFacts, localCluster: string): Labelled[] {
  return clusters().map(({ stats }) => ({ labels: clusterLabels(stats.name, '', localCluster), stats: stats.tls }))
}

/** listener.<address>.ssl.* and cluster.<name>.ssl.* as Envoy's Prometheus endpoint writes them. */
function envoyFamilies(of: 'listener' | 'cluster', all: () => Labelled[]): ComputedFamily[] {
  const one = (name: string, help: string, value: (stats: TlsStats) => number): ComputedFamily => ({
    name: `envoy_${of}_ssl_${name}`,
    type: 'unknown',
    help,
    values: () => all().map(({ labels, stats }) => ({ labels, value: value(stats) })),
  })
  return [
    one('handshake', 'TLS handshakes that came to a good end.', stats => stats.handshakes),
    one('session_reused', 'Of them, those that took up an earlier session.', stats => stats.resumed),
    ...groups.map(group =>
      one(group, `TLS handshakes that failed: ${envoyFaultGroups[group].join(', ')}.`, stats =>
        faultsOfGroup(stats, group),
      ),
    ),
  ]
}

const sides = ['server', 'client'] as const

function statsOf({ listeners, clusters }: TlsFacts, side: (typeof sides)[number]): TlsStats[] {
  return (side === 'server' ? listeners() : clusters()).map(({ stats }) => stats.tls)
}

function handshakes(facts: TlsFacts): ComputedFamily {
  const sum = (side: (typeof sides)[number], value: (stats: TlsStats) => number) =>
    statsOf(facts, side).reduce((total, stats) => total + value(stats), 0)
  return {
    name: 'trimtab_tls_handshakes_total',
    type: 'counter',
    help: 'TLS handshakes by side and by whether an earlier session was taken up.',
    values: () =>
      sides.flatMap((side): FamilyValue[] => [
        { labels: { side, kind: 'full' }, value: sum(side, stats => stats.handshakes - stats.resumed) },
        { labels: { side, kind: 'resumed' }, value: sum(side, stats => stats.resumed) },
      ]),
  }
}

function failures(facts: TlsFacts): ComputedFamily {
  return {
    name: 'trimtab_tls_handshake_failures_total',
    type: 'counter',
    help: 'TLS handshakes that failed, by reason. server: who came was refused or left; client: who answered was refused, or refused us.',
    values: () =>
      sides.flatMap(side =>
        tlsFaults.map(reason => ({
          labels: { side, reason },
          value: statsOf(facts, side).reduce((sum, { faults }) => sum + faults[reason], 0),
        })),
      ),
  }
}

function plainFamilies({ listeners }: TlsFacts, localCluster: string): ComputedFamily[] {
  const one = (name: string, help: string, value: (counts: ListenerCounts['stats']) => number): ComputedFamily => ({
    name: `trimtab_listener_plain_${name}_total`,
    type: 'counter',
    help,
    values: () =>
      listeners().map(listener => ({
        labels: { envoy_listener_address: listener.name, local_cluster: localCluster },
        value: value(listener.stats),
      })),
  })
  return [
    one(
      'connections',
      'Connections in clear text taken where TLS is taken, too (mtls: permissive).',
      stats => stats.cxPlain,
    ),
    one('requests', 'Requests in clear text taken where TLS is taken, too (mtls: permissive).', stats => stats.rqPlain),
    one('connections_refused', 'Connections in clear text refused (mtls: strict).', stats => stats.cxPlainRefused),
  ]
}

function certificateFamilies({ notAfterMs, renewals, renewalFailures, wall }: TlsFacts): ComputedFamily[] {
  const ofCertificate = (name: string, help: string, value: (untilMs: number) => number): ComputedFamily => ({
    name,
    type: 'gauge',
    help,
    values: () => {
      const untilMs = notAfterMs()
      return untilMs === undefined ? [] : [{ labels: {}, value: value(untilMs) }]
    },
  })
  const counted = (name: string, help: string, value: () => number): ComputedFamily => ({
    name,
    type: 'counter',
    help,
    values: () => [{ labels: {}, value: value() }],
  })
  return [
    ofCertificate(
      'envoy_server_days_until_first_cert_expiring',
      "Whole days that the proxy's certificate is still valid.",
      untilMs => Math.max(0, Math.floor((untilMs - wall()) / DAY_MS)),
    ),
    ofCertificate(
      'trimtab_certificate_seconds_left',
      "Seconds that the proxy's certificate is still valid; below 0: expired.",
      untilMs => Math.round((untilMs - wall()) / 1000),
    ),
    counted('trimtab_certificate_renewals_total', "Renewals of the proxy's certificate.", renewals),
    counted(
      'trimtab_certificate_renewal_failures_total',
      'Requests for a certificate that failed and are repeated.',
      renewalFailures,
    ),
  ]
}
