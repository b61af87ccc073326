import { envoyClusters } from '../../protocol/envoy/clusters.ts'
import { envoyListener, type ListenerShape } from '../../protocol/envoy/listeners.ts'
import { envoyNetworkRbac, envoyRbac } from '../../protocol/envoy/rbac.ts'
import { envoyGatewayRouteConfig, envoyRouteConfig } from '../../protocol/envoy/routes.ts'
import { envoyTcpProxy, envoyWeightedTcpProxy } from '../../protocol/envoy/tcp.ts'
import { envoyDownstreamTls, envoyUpstreamTls } from '../../protocol/envoy/tls.ts'
import type { Upstream } from '../../protocol/snapshot.ts'
import type { AdminView, ListenerView } from './view.ts'

/** GET /config_dump: the policy in force in the shapes of Envoy's admin.v3.ConfigDump, so that tools and eyes trained on Envoy read it. */
export function configDump(view: AdminView): unknown {
  const policy = view.policy()
  const version = String(policy.epoch)
  const upstreams = [...policy.upstreams.values()].map(({ upstream }) => upstream)
  const byName = new Map(upstreams.map(upstream => [upstream.service, upstream]))
  const routes = upstreams.filter(({ protocol }) => protocol !== 'tcp').map(envoyRouteConfig)
  if (policy.listener?.kind === 'gateway')
    routes.push(envoyGatewayRouteConfig(policy.listener.service, policy.listener.routes, byName))
  return {
    configs: [
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.BootstrapConfigDump',
        bootstrap: {
          node: {
            id: view.node.id,
            cluster: view.node.service,
            metadata: { version: view.node.version, role: view.node.role },
            user_agent_name: 'trimtab',
            user_agent_version: view.programVersion,
          },
        },
      },
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump',
        version_info: version,
        dynamic_active_clusters: upstreams
          .flatMap(upstream => envoyClusters(upstream, upstreamTls(view, upstream)))
          .map(cluster => ({ version_info: version, cluster })),
      },
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.ListenersConfigDump',
        version_info: version,
        dynamic_listeners: view.listeners().map(listener => ({
          name: listener.name,
          active_state: { version_info: version, listener: envoyListener(shapeOf(view, listener)) },
        })),
      },
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.RoutesConfigDump',
        dynamic_route_configs: routes.map(route_config => ({ version_info: version, route_config })),
      },
    ],
  }
}

/** How an upstream is reached over TLS; undefined: it is not. */
function upstreamTls(view: AdminView, { tls, peerSpiffeId }: Upstream): Record<string, unknown> | undefined {
  if (peerSpiffeId !== undefined) {
    const own = view.certificates().find(({ use }) => use === 'mesh')
    const { chainPem = '', roots = [], minVersion = 'TLSv1.3' } = own ?? {}
    return envoyUpstreamTls({ chainPem, roots, minVersion, peer: { exact: peerSpiffeId } }, '')
  }
  if (tls === undefined) return undefined
  const roots = tls.caPem === undefined ? [] : [tls.caPem]
  return envoyUpstreamTls({ chainPem: '', roots, minVersion: 'TLSv1.2', peer: undefined }, tls.serverName ?? '')
}

/** What a listener shows and asks for; undefined: clear text alone. */
function downstreamTls(view: AdminView, direction: ListenerView['direction']): Record<string, unknown> | undefined {
  const use = direction === 'inbound' ? 'mesh' : 'gateway'
  const { listener, identity } = view.policy()
  if (direction === 'outbound' || (use === 'mesh' && listener?.mtls === 'off')) return undefined
  const shown = view.certificates().find(certificate => certificate.use === use)
  if (shown === undefined) return undefined
  const peer =
    use === 'mesh' ? { prefix: `spiffe://${identity?.trustDomain ?? listener?.trustDomain ?? ''}/` } : undefined
  return envoyDownstreamTls({ ...shown, peer }, shown.requireClientCertificate)
}

function shapeOf(view: AdminView, listener: ListenerView): ListenerShape {
  const { telemetry, listener: self, intentions } = view.policy()
  const judged = listener.direction === 'inbound' && intentions !== undefined
  const rbac = listener.carriesTcp ? envoyNetworkRbac : envoyRbac
  return {
    name: listener.name,
    address: listener.address,
    direction: listener.direction,
    ...(listener.direction === 'inbound'
      ? { cluster: 'local_app' }
      : { routeConfig: listener.direction === 'gateway' ? (self?.service ?? listener.name) : 'outbound' }),
    tls: downstreamTls(view, listener.direction),
    alsoPlain: listener.direction === 'inbound' && self?.mtls === 'permissive',
    sample: telemetry?.sample ?? 1,
    spansCollector: view.spansUrl(),
    sharedSpanContext: telemetry?.sharedSpanContext ?? false,
    ...(judged ? { filters: [rbac(intentions, self?.trustDomain ?? '')] } : {}),
    tcp: tcpProxyOf(view, listener),
  }
}

/** Undefined: it carries HTTP. */
function tcpProxyOf(view: AdminView, listener: ListenerView): Record<string, unknown> | undefined {
  if (!listener.carriesTcp) return undefined
  const { listener: self, upstreams } = view.policy()
  if (listener.direction === 'inbound') return envoyTcpProxy(listener.name, 'local_app', self?.app.idleTimeoutMs ?? 0)
  const upstream = upstreams.get(listener.service)?.upstream
  return upstream === undefined
    ? envoyTcpProxy(listener.name, listener.service, 0)
    : envoyWeightedTcpProxy(listener.name, upstream)
}
