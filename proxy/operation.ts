import type { Renewal } from '../credentials/renewal.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { programVersion } from '../runtime/program-version.ts'
import { adminEndpoint } from './admin/admin.ts'
import { probeApp } from './app-probe.ts'
import type { Authorization } from './authorization.ts'
import { checksOf } from './checks.ts'
import type { ProxySettings } from './config.ts'
import type { GatewayFiles } from './gateway-tls/gateway-tls.ts'
import type { Self } from './identity.ts'
import { addressOf, endpointAddresses, metricsSources, type NamedListener } from './listeners.ts'
import { certificatesShown, identityCheck } from './mesh-identity.ts'
import type { Observation } from './observation.ts'
import { proxyRegistry, trafficFamilies } from './observe/families.ts'
import { http2Families } from './observe/http2-families.ts'
import { listenerFamilies } from './observe/listener-families.ts'
import { createMergedMetrics } from './observe/merged-metrics/merged-metrics.ts'
import { proxyFamilies } from './observe/proxy-families.ts'
import type { TrafficReport } from './observe/report.ts'
import { tcpFamilies } from './observe/tcp-families.ts'
import { tlsFamilies } from './observe/tls-families.ts'
import { upstreamFamilies } from './observe/upstream-families.ts'
import type { Role } from './role.ts'
import { explain } from './route/explain.ts'
import { explainConnection } from './route/explain-connection.ts'
import type { PolicyInForce } from './route/policy.ts'
import type { SubscriptionState } from './route/subscription.ts'
import type { Sender } from './send/sender.ts'

/** All that a person, or a program that watches, may look at. */
export interface OperationParts {
  role: Role
  self: Self
  settings: ProxySettings
  policy: PolicyInForce
  mesh: Renewal | undefined
  files: GatewayFiles
  observed: Observation
  authorization: Authorization
  sender: Sender
  report: TrafficReport
  /** Of the stream from control; undefined: not opened (yet). */
  control: () => SubscriptionState | undefined
  listeners: readonly NamedListener[]
  quit: () => void
  clock: Clock
  log: Log
}

export interface Operation {
  /** host:port of metrics and admin, as taken. */
  readonly addresses: Record<string, string>
  /** Takes no new connection from here on, and says so. */
  drain(): void
  close(): Promise<void>
}

/** How the proxy is watched and run: health, metrics, the admin interface. */
export async function operation(parts: OperationParts): Promise<Operation> {
  const { role, self, settings, policy, mesh, files, observed, authorization, sender, report, clock } = parts
  const startedWallMs = clock.wall()
  const app = role.kind === 'sidecar' ? probeApp(role.app, clock, () => policy.current.listener?.protocol) : undefined
  let failed = false
  let draining = false
  const drain = () => {
    draining = true
    for (const { listener } of parts.listeners) listener.drain()
  }
  const listeners = () =>
    parts.listeners.map(named => ({
      name: named.name,
      address: addressOf(named),
      direction: named.listener.direction,
      service: named.service,
      carriesTcp: named.carriesTcp(),
      stats: named.listener.stats,
    }))
  const registry = proxyRegistry([
    ...trafficFamilies(observed.traffic, self.service),
    ...upstreamFamilies(sender.clusters, self.service),
    ...listenerFamilies(listeners, self.service),
    ...http2Families(listeners, self.service),
    ...tcpFamilies(listeners, sender.clusters, observed.traffic.connections, self.service),
    ...tlsFamilies(
      {
        listeners,
        clusters: sender.clusters,
        notAfterMs: () => mesh?.current?.notAfterMs,
        renewals: () => mesh?.state.renewals ?? 0,
        renewalFailures: () => mesh?.state.failures ?? 0,
        wall: clock.wall,
      },
      self.service,
    ),
    ...authorization.families(self.service),
    ...(role.kind === 'gateway' ? authorization.loginFamilies() : []),
    ...proxyFamilies(
      {
        epoch: () => policy.current.epoch,
        controlConnected: () => parts.control()?.connected ?? false,
        reportConnected: () => report.connected,
        reportDroppedLines: () => report.droppedLines,
        spans: observed.spans.counters,
        spansQueued: () => observed.spans.queued,
        trace: observed.traceCounters,
        live: () => !draining && !failed,
        appReachable: () => app?.state.reachable,
        startedWallMs,
        accessLogDropped: () => observed.accessLog.droppedLines,
      },
      { version: programVersion, ...self },
    ),
  ])
  const metrics = await createMergedMetrics({
    own: { registry },
    sources: metricsSources(settings, role),
    conflicts: settings.conflicts,
    clock,
    instance: self.instance,
  }).listen(settings.metrics)
  const admin = await adminEndpoint(settings.admin, {
    node: { id: self.instance, service: self.service, version: self.serviceVersion, role: role.kind },
    programVersion,
    startedWallMs,
    policy: () => policy.current,
    clusters: sender.clusters,
    listeners,
    certificates: () => certificatesShown(mesh, files.current, policy.current, settings),
    renewCertificate: async () =>
      (await mesh?.renewNow()) ?? { ok: false, detail: 'this proxy has no identity in a mesh' },
    spansUrl: () => settings.zipkin ?? policy.current.telemetry?.spansUrl,
    registry,
    checks: () =>
      checksOf({
        role,
        policy: policy.current,
        failed,
        draining,
        control: parts.control(),
        reportProblem: report.problem,
        spansProblem: observed.spans.problem,
        app: app?.state,
        identity: identityCheck(mesh, policy.current),
        files,
        tokenKeys: authorization.tokenKeys(),
      }),
    explain: question => explain(policy.current, question),
    explainConnection: service => explainConnection(policy.current, service),
    explainCall: authorization.explainCall,
    log: parts.log,
    state: () =>
      draining ? 'DRAINING' : role.kind !== 'alone' && policy.current.listener === undefined ? 'INITIALIZING' : 'LIVE',
    failHealth: now => {
      failed = now
    },
    drain,
    quit: parts.quit,
    clock,
  })
  return {
    addresses: endpointAddresses(metrics, admin),
    drain,
    async close() {
      app?.close()
      await Promise.all([metrics.close(), admin.close()])
    },
  }
}
