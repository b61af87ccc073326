import { hostname } from 'node:os'
import type { Registration } from '../protocol/snapshot.ts'
import { formatAddress, isAnyHost, parseAddress } from '../runtime/address.ts'
import type { ProxySettings } from './config.ts'
import type { MeshRole, Role } from './role.ts'

/** Who this proxy is, in every span, report and metric. */
export interface Self {
  instance: string
  service: string
  serviceVersion: string
  kind: 'sidecar' | 'gateway'
}

/** The instance id is the same after a restart on the same place: host and port of what it stands beside. */
export function identityOf(role: Role, settings: ProxySettings): Self {
  const place = role.kind === 'sidecar' ? role.app : role.listen
  const instance = settings.instance ?? `${role.service}-${settings.version}-${hostname()}-${place.port}`
  return {
    instance: instance.slice(0, 253),
    service: role.service,
    serviceVersion: role.kind === 'gateway' ? '' : settings.version,
    kind: role.kind === 'sidecar' ? 'sidecar' : 'gateway',
  }
}

/**
 * What control is told of it. `addresses` are as taken; `ownHost` is asked for what takes the place of a host that stands for all of them,
 * where --advertise says nothing.
 */
export async function registrationOf(
  role: MeshRole,
  settings: ProxySettings,
  self: Self,
  addresses: Record<string, string>,
  ownHost: () => Promise<string>,
): Promise<Registration> {
  const { advertise } = settings
  const isOnAny = Object.values(addresses).some(address => isAnyHost(parseAddress(address)!.host))
  const anyAs = advertise?.host ?? (isOnAny ? await ownHost() : '')
  const reached = (address: string): string => {
    const { host, port } = parseAddress(address)!
    return isAnyHost(host) ? formatAddress({ host: anyAs, port }) : address
  }
  const taken = role.kind === 'sidecar' ? addresses['inbound']! : addresses['gateway']!
  return {
    service: self.service,
    version: role.kind === 'sidecar' ? settings.version : 'gateway',
    instance: self.instance,
    kind: role.kind,
    address:
      advertise === undefined
        ? reached(taken)
        : formatAddress({ host: advertise.host, port: advertise.port || parseAddress(taken)!.port }),
    ...(addresses['metrics'] === undefined ? {} : { metrics: reached(addresses['metrics']) }),
    ...(addresses['admin'] === undefined ? {} : { admin: reached(addresses['admin']) }),
    ...(settings.zone === undefined ? {} : { zone: settings.zone }),
  }
}
