import type { Clock } from '../runtime/clock.ts'
import type { Running } from '../runtime/lifecycle.ts'
import type { Log } from '../runtime/log.ts'
import { programVersion } from '../runtime/program-version.ts'
import { answerWith } from './accept/proxy-answer.ts'
import { authorization } from './authorization.ts'
import type { ProxySettings } from './config.ts'
import type { Exchange } from './exchange.ts'
import type { Failure } from './failures.ts'
import { gatewaySecurity } from './gateway-security.ts'
import { gatewayFiles } from './gateway-tls/gateway-tls.ts'
import { http2UpstreamSettings } from './http2-limit-setting.ts'
import { identityOf, registrationOf } from './identity.ts'
import { keptAlive } from './keepalive.ts'
import { addressOf, openListeners } from './listeners.ts'
import { meshIdentity, proofToCollector, secureStream } from './mesh-identity.ts'
import { inboundSecurity } from './mesh-security.ts'
import { observation } from './observation.ts'
import { trafficReport } from './observe/report.ts'
import { operation } from './operation.ts'
import { firstPolicy, followControl } from './policy-source.ts'
import type { MeshRole, Role } from './role.ts'
import { policyInForce } from './route/policy.ts'
import { createInboundRouter, createRouter } from './route/router.ts'
import type { Subscription } from './route/subscription.ts'
import { connectSocket } from './send/connect.ts'
import { fusesOf } from './send/fused.ts'
import { meshConnect } from './send/mesh-connect.ts'
import { createSender } from './send/sender.ts'
import { ALONE_UPSTREAM, upstreamsOf } from './standing.ts'
import { tcpEntrances } from './tcp-entrances.ts'
import { receiversOf, renewConnections } from './to-collector.ts'

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

/** The whole proxy. A request meets the stages in the order observed -> authorized or logged in -> routed -> sender; each is given the one that follows it. */
export async function createProxy(
  role: Role,
  settings: ProxySettings,
  { clock, random, log, quit }: Surroundings,
): Promise<Proxy> {
  const around = { clock, random, log }
  const self = identityOf(role, settings)
  const policy = policyInForce(firstPolicy(role, settings, log)) // read by every stage, written by the subscription only
  const mesh = meshIdentity(role, settings, { policy, ...around }) // key and certificate, kept renewed; before the first listener
  const observed = observation(self, settings, policy, around) // outermost: sees the answers that we make ourselves, too
  const refuse = (exchange: Exchange, failure: Failure) => answerWith(exchange, failure, clock.now())

  const connect = keptAlive(
    settings.tcpKeepalive,
    mesh === undefined
      ? connectSocket
      : meshConnect({ credentials: mesh, wall: clock.wall, problem: () => mesh.told().detail }),
  )
  const sender = createSender({ ...around, refuse, connect, http2: http2UpstreamSettings(settings) }) // endpoint, pool, deadline, retries: an attempt is its business alone
  const routing = { policy, random, next: sender.send, refuse }
  const whoMay = authorization({ policy, refuse, ...around })
  const tcp = tcpEntrances({ policy, observed, whoMay, sender, ...around }) // the same way for connections whose bytes nobody reads
  const bound = (service: string) => ({
    http: observed.observed(createRouter(routing, service)),
    tcp: tcp.bound(service),
  })
  const entrances = {
    inbound: {
      http: observed.observed(whoMay.authorized(createInboundRouter(routing))), // before the router: a denied caller learns nothing further
      tcp: tcp.inbound,
    },
    outbound: role.kind === 'alone' ? bound(ALONE_UPSTREAM) : { http: observed.observed(createRouter(routing)) },
    gateway: { http: observed.observed(whoMay.loggedIn(createRouter(routing))) },
    bound,
  }

  const files = gatewayFiles(settings.certificates, { clock, log }) // of a gateway: what it shows to users, as its files have it
  const security = {
    inbound: inboundSecurity(mesh, policy, clock.wall),
    gateway: gatewaySecurity(files, policy, clock.wall),
  }
  const listeners = await openListeners(role, settings, entrances, { clock, log, security })
  observed.listensAt(addressOf(listeners[0]!))

  let control: Subscription | undefined
  const report = trafficReport({
    identity: self,
    programVersion,
    traffic: observed.traffic,
    fuses: () => fusesOf(sender.clusters()),
    standing: () => ({ epoch: policy.current.epoch, refused: control?.state.refused }),
    proof: () => proofToCollector(mesh, clock.wall),
    ...around,
  })
  policy.onReplace(({ upstreams, listener, telemetry }) => {
    sender.reconcile(upstreamsOf(role, listener, upstreams))
    const { spans, reports } = receiversOf(
      {
        spansUrl: settings.zipkin ?? telemetry?.spansUrl,
        collectorUrl: settings.collector ?? telemetry?.collectorUrl,
      },
      mesh,
      clock.wall,
    )
    observed.spans.target(spans)
    report.target(reports)
    files.follow(listener?.tls)
  })
  const renewing = renewConnections(mesh, [observed.spans, report], around)
  const run = await operation({
    role,
    self,
    settings,
    policy,
    mesh,
    files,
    observed,
    authorization: whoMay,
    sender,
    report,
    control: () => control?.state,
    listeners,
    quit,
    clock,
    log,
  })
  const addresses = {
    ...Object.fromEntries(listeners.map(named => [named.name, addressOf(named)])),
    ...run.addresses,
  }
  const register = async (meshRole: MeshRole, ownHost: () => Promise<string>) => {
    const registration = await registrationOf(meshRole, settings, self, addresses, ownHost)
    observed.listensAt(registration.address) // spans say where others find it, too
    return registration
  }
  control = followControl(role, settings, register, {
    secure: secureStream(mesh, clock.wall),
    policy,
    ...around,
  })

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    run.drain()
    await control?.close() // first: other proxies must stop sending here while what runs is finished
    await Promise.all(listeners.map(({ listener }) => listener.close(settings.drain)))
    sender.close()
    mesh?.close()
    renewing.close()
    files.close()
    await Promise.all([observed.close(), report.close(), whoMay.close(), run.close()])
  }
  return {
    addresses,
    close() {
      closing ??= close()
      return closing
    },
  }
}
