import { type Address, formatAddress } from '../runtime/address.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { createListener, type Listener } from './accept/listener.ts'
import type { Security } from './accept/security.ts'
import type { ListenerLimits } from './accept/settings.ts'
import { defaultAppMetrics, type ProxySettings } from './config.ts'
import type { Direction, Stage } from './exchange.ts'
import { http2LimitsFrom } from './http2-limit-setting.ts'
import type { Role } from './role.ts'
import { ALONE_UPSTREAM } from './standing.ts'
import type { TcpEntrance } from './tcp-entrances.ts'

export interface NamedListener {
  name: string
  listener: Listener
  /** The one upstream that it is bound to, '' when it is not. */
  service: string
  /** Whether its next connection is TCP's. */
  carriesTcp: () => boolean
}

/** The first stage of a way in, for requests and for TCP connections. */
export interface Entrance {
  http: Stage
  tcp?: TcpEntrance
}

export interface Entrances {
  inbound: Entrance
  outbound: Entrance
  gateway: Entrance
  /** Of a port that is bound to one upstream. */
  bound: (service: string) => Entrance
}

/** Opens the listeners of a role, all or none. */
export async function openListeners(
  role: Role,
  settings: ProxySettings,
  entrances: Entrances,
  { security, ...parts }: { clock: Clock; log: Log; security: { inbound: () => Security; gateway: () => Security } },
): Promise<NamedListener[]> {
  const opened: NamedListener[] = []
  const limits = limitsOf(settings)
  const open = async (
    name: string,
    address: { host: string; port: number },
    direction: Direction,
    { http, tcp }: Entrance,
    service = '',
  ): Promise<void> => {
    const trusts = direction === 'gateway' && settings.trustForwarded ? () => true : undefined
    const port = role.kind === 'sidecar' ? direction : 'listen'
    const secured = direction === 'outbound' ? undefined : security[direction]
    const listener = await createListener(
      {
        address,
        direction,
        limits,
        http2: !settings.http1Only.some(name => name === port),
        allowConnect: false,
        security: secured,
        ...(trusts === undefined ? {} : { trusts }),
      },
      { handler: http, tcp, ...parts },
    )
    opened.push({ name, listener, service, carriesTcp: tcp?.carried ?? (() => false) })
  }
  try {
    if (role.kind === 'sidecar') {
      await open('inbound', settings.inbound, 'inbound', entrances.inbound)
      await open('outbound', settings.outbound, 'outbound', entrances.outbound)
      for (const { service, port } of settings.upstream)
        await open(
          `upstream-${service}`,
          { host: settings.outbound.host, port },
          'outbound',
          entrances.bound(service),
          service,
        )
    } else if (role.kind === 'gateway') await open('gateway', role.listen, 'gateway', entrances.gateway)
    else await open('listen', role.listen, 'outbound', entrances.outbound, ALONE_UPSTREAM)
    return opened
  } catch (error) {
    await Promise.all(opened.map(({ listener }) => listener.close(0)))
    throw error
  }
}

function limitsOf(settings: ProxySettings): Partial<ListenerLimits> {
  return {
    connectionsMax: settings.maxConnections,
    tcpKeepaliveMs: settings.tcpKeepalive,
    connectionAgeMaxMs: settings.maxConnectionAge,
    http2KeepaliveMs: settings.http2Keepalive,
    http2: http2LimitsFrom(settings.http2Limit),
  }
}

/** Where metrics and admin are, as taken. */
export function endpointAddresses(
  metrics: { address: Address },
  admin: { address: Address },
): { metrics: string; admin: string } {
  return { metrics: formatAddress(metrics.address), admin: formatAddress(admin.address) }
}

/** Application sources of the merged metrics, named app, app-2, ... */
export function metricsSources(settings: ProxySettings, role: Role): { name: string; url: string }[] {
  const given = settings.appMetrics.filter(url => url !== 'none')
  const isDefault = settings.appMetrics.length === 1 && settings.appMetrics[0] === defaultAppMetrics
  if (role.kind !== 'sidecar' && isDefault) return []
  return given.map((url, index) => ({ name: index === 0 ? 'app' : `app-${index + 1}`, url }))
}

export function addressOf({ listener }: NamedListener): string {
  return formatAddress(listener.address)
}
