import { randomFillSync } from 'node:crypto'
import type { Clock } from '../runtime/clock.ts'
import type { Running } from '../runtime/lifecycle.ts'
import type { Log } from '../runtime/log.ts'
import { programVersion } from '../runtime/program-version.ts'
import { answerWith } from './accept/proxy-answer.ts'
import { adminEndpoint } from './admin/admin.ts'
import { probeApp } from './app-probe.ts'
import { createAuthorizer } from './authorize/authorizer.ts'
import { authorizationCounts } from './authorize/counts.ts'
import { denialLog } from './authorize/denial-log.ts'
import { explainCall } from './authorize/explain.ts'
import { jwksFetcher } from './authorize/jwt/fetch-text.ts'
import { createTokens } from './authorize/jwt/tokens.ts'
import { checksOf } from './checks.ts'
import type { ProxySettings, Role } from './config.ts'
import type { Exchange, Stage } from './exchange.ts'
import type { Failure } from './failures.ts'
import { gatewaySecurity } from './gateway-security.ts'
import { gatewayFiles } from './gateway-tls/gateway-tls.ts'
import { identityOf, registrationOf } from './identity.ts'
import { addressOf, endpointAddresses, metricsSources, openListeners } from './listeners.ts'
import { certificatesShown, identityCheck, meshIdentity, proofToCollector, secureStream } from './mesh-identity.ts'
import { inboundSecurity } from './mesh-security.ts'
import { accessLog, noAccessLog } from './observe/access-log.ts'
import { authorizationFamilies } from './observe/authorization-families.ts'
import { proxyRegistry, trafficFamilies } from './observe/families.ts'
import { http2Families } from './observe/http2-families.ts'
import { randomIds } from './observe/ids.ts'
import { createMergedMetrics } from './observe/merged-metrics/merged-metrics.ts'
import { createObserver } from './observe/observer.ts'
import { trafficReport } from './observe/report.ts'
import { spanWriter } from './observe/span.ts'
import { spanShipper } from './observe/span-shipper.ts'
import { tlsFamilies } from './observe/tls-families.ts'
import { createTraffic } from './observe/traffic.ts'
import { listenerFamilies, proxyFamilies, upstreamFamilies } from './observe/upstream-families.ts'
import { firstPolicy, followControl } from './policy-source.ts'
import { explain } from './route/explain.ts'
import { policyInForce } from './route/policy.ts'
import { createInboundRouter, createRouter } from './route/router.ts'
import type { Subscription } from './route/subscription.ts'
import { connectSocket } from './send/connect.ts'
import { fusesOf } from './send/fused.ts'
import { meshConnect } from './send/mesh-connect.ts'
import { createSender } from './send/sender.ts'
import { ALONE_UPSTREAM, upstreamsOf } from './standing.ts'

/** Time and chance, as arguments, so that tests can hold them still. */
export interface Surroundings {
  clock: Clock
  /** In [0, 1). */
  random: () => number
  log: Log
  /** Ends the process (POST /quitquitquit). */
  quit: () => void
}

export interface Proxy extends Running {
  /** host:port of every listener by name, as taken. */
  readonly addresses: Record<string, string>
}

/** The whole proxy. A request meets the stages in the order observed -> authorized (inbound) -> routed -> sender; each is given the one that follows it. */
export async function createProxy(
  role: Role,
  settings: ProxySettings,
  { clock, random, log, quit }: Surroundings,
): Promise<Proxy> {
  const self = identityOf(role, settings)
  const policy = policyInForce(firstPolicy(role, settings, log)) // read by every stage, written by the subscription only
  const mesh = meshIdentity(role, settings, { policy, clock, random, log }) // key and certificate, kept renewed; before the first listener
  const traceSettings = () =>
    policy.current.telemetry ?? {
      sample: settings.sample,
      sharedSpanContext: false,
      outsideContext: 'continue' as const,
    }
  const traceCounters = { continued: 0, started: 0, malformed: 0, disagreed: 0 }
  const traffic = createTraffic({ source: self.service, wall: clock.wall })
  const spans = spanShipper({ clock, random, log })
  const requestLog =
    settings.accessLog === 'off' ? noAccessLog : accessLog(settings.accessLog, settings.accessLogFile, clock)

  const refuse = (exchange: Exchange, failure: Failure) => answerWith(exchange, failure, clock.now())
  const connect =
    mesh === undefined
      ? connectSocket
      : meshConnect({ credentials: mesh, wall: clock.wall, problem: () => mesh.told().detail })
  const sender = createSender({ clock, random, log, refuse, connect }) // endpoint, pool, deadline, retries: an attempt is its business alone
  const routing = { policy, random, next: sender.send, refuse }
  const jwks = jwksFetcher()
  const onKeysChanged = (provider: string, problem: string) =>
    problem === ''
      ? log.info(`keys of token provider ${provider} are there`)
      : log.warn(`keys of token provider ${provider}: ${problem}`)
  const tokens = createTokens({ clock, random, fetchText: jwks.fetchText, onKeysChanged })
  const counts = authorizationCounts()
  const authorized = (next: Stage) =>
    createAuthorizer({ policy, tokens, counts, denied: denialLog(clock, log), log, next, refuse })
  let writer = spanWriter({ ...self, address: '', sharedSpanContext: false })
  const observing = {
    source: self.service,
    trace: traceSettings,
    ids: randomIds(randomFillSync, clock.wall),
    traceCounters,
    traffic,
    spans,
    writer: () => writer,
    accessLog: requestLog,
  }
  const observed = (next: Stage) => createObserver({ ...observing, next }) // outermost: one span and one row for whatever comes back, however it ends

  let control: Subscription | undefined
  const report = trafficReport({
    identity: self,
    programVersion,
    traffic,
    fuses: () => fusesOf(sender.clusters()),
    standing: () => ({ epoch: policy.current.epoch, refused: control?.state.refused }),
    proof: () => proofToCollector(mesh, clock.wall),
    clock,
    random,
    log,
  })
  policy.onReplace(({ upstreams, listener, telemetry }) => {
    sender.reconcile(upstreamsOf(role, listener, upstreams))
    spans.target(settings.zipkin ?? telemetry?.spansUrl)
    report.target(settings.collector ?? telemetry?.collectorUrl)
  })

  const entrances = {
    inbound: observed(authorized(createInboundRouter(routing))), // before the router: a denied caller learns nothing further
    outbound: observed(createRouter(routing, role.kind === 'alone' ? ALONE_UPSTREAM : '')),
    gateway: observed(createRouter(routing)),
    bound: (service: string) => observed(createRouter(routing, service)),
  }
  const files = gatewayFiles(settings.certificates, { clock, log }) // of a gateway: what it shows to users, as its files have it
  policy.onReplace(({ listener }) => files.follow(listener?.tls))
  const security = {
    inbound: inboundSecurity(mesh, policy, clock.wall),
    gateway: gatewaySecurity(files, policy, clock.wall),
  }
  const listeners = await openListeners(role, settings, entrances, { clock, log, security })
  policy.onReplace(({ telemetry }) => {
    writer = spanWriter({
      ...self,
      address: addressOf(listeners[0]!),
      sharedSpanContext: telemetry?.sharedSpanContext ?? false,
    })
  })

  let failed = false
  let draining = false
  const startedWallMs = clock.wall()
  const app =
    role.kind === 'sidecar' ? probeApp(role.app, clock, () => policy.current.listener?.protocol === 'grpc') : undefined
  const listenerViews = () =>
    listeners.map(named => ({
      name: named.name,
      address: addressOf(named),
      direction: named.listener.direction,
      stats: named.listener.stats,
    }))
  const checks = () =>
    checksOf({
      role,
      policy: policy.current,
      failed,
      draining,
      control: control?.state,
      reportProblem: report.problem,
      spansProblem: spans.problem,
      app: app?.state,
      identity: identityCheck(mesh, policy.current),
      files,
      tokenKeys: tokens.standing(),
    })
  const drain = () => {
    draining = true
    for (const { listener } of listeners) listener.drain()
  }
  const registry = proxyRegistry([
    ...trafficFamilies(traffic, self.service),
    ...upstreamFamilies(sender.clusters, self.service),
    ...listenerFamilies(listenerViews, self.service),
    ...http2Families(listenerViews, self.service),
    ...tlsFamilies(
      {
        listeners: listenerViews,
        clusters: sender.clusters,
        notAfterMs: () => mesh?.current?.notAfterMs,
        renewals: () => mesh?.state.renewals ?? 0,
        renewalFailures: () => mesh?.state.failures ?? 0,
        wall: clock.wall,
      },
      self.service,
    ),
    ...authorizationFamilies(counts, tokens, self.service),
    ...proxyFamilies(
      {
        epoch: () => policy.current.epoch,
        controlConnected: () => control?.state.connected ?? false,
        reportConnected: () => report.connected,
        reportDroppedLines: () => report.droppedLines,
        spans: spans.counters,
        spansQueued: () => spans.queued,
        trace: traceCounters,
        live: () => !draining && !failed,
        appReachable: () => app?.state.reachable,
        startedWallMs,
        accessLogDropped: () => requestLog.droppedLines,
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
    listeners: listenerViews,
    certificates: () => certificatesShown(mesh, files.current, policy.current, settings),
    renewCertificate: async () =>
      (await mesh?.renewNow()) ?? { ok: false, detail: 'this proxy has no identity in a mesh' },
    spansUrl: () => settings.zipkin ?? policy.current.telemetry?.spansUrl,
    registry,
    checks,
    explain: question => explain(policy.current, question),
    explainCall: question => explainCall(policy.current, question, tokens),
    log,
    state: () =>
      draining ? 'DRAINING' : role.kind !== 'alone' && policy.current.listener === undefined ? 'INITIALIZING' : 'LIVE',
    failHealth: now => {
      failed = now
    },
    drain,
    quit,
    clock,
  })
  const addresses = {
    ...Object.fromEntries(listeners.map(named => [named.name, addressOf(named)])),
    ...endpointAddresses(metrics, admin),
  }
  control = followControl(role, settings, registrationOf(role, settings, self, addresses), {
    secure: secureStream(mesh, clock.wall),
    policy,
    clock,
    random,
    log,
  })

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    drain()
    await control?.close() // first: other proxies must stop sending here while what runs is finished
    await Promise.all(listeners.map(({ listener }) => listener.close(settings.drain)))
    sender.close()
    mesh?.close()
    files.close()
    app?.close()
    tokens.close()
    await Promise.all([
      spans.close(1000),
      report.close(),
      requestLog.close(),
      metrics.close(),
      admin.close(),
      jwks.close(),
    ])
  }
  return {
    addresses,
    close() {
      closing ??= close()
      return closing
    },
  }
}
