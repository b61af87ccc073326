import { hostname } from 'node:os'
import type { Registration } from '../protocol/snapshot.ts'
import { formatAddress } from '../runtime/address.ts'
import type { ProxySettings, Role } from './config.ts'

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

/** What control is told of it; undefined for a proxy that stands alone. `addresses` are as taken. */
export function registrationOf(
  role: Role,
  settings: ProxySettings,
  self: Self,
  addresses: Record<string, string>,
): Registration | undefined {
  if (role.kind === 'alone') return undefined
  const taken = role.kind === 'sidecar' ? addresses['inbound']! : addresses['gateway']!
  return {
    service: self.service,
    version: role.kind === 'sidecar' ? settings.version : 'gateway',
    instance: self.instance,
    kind: role.kind,
    address:
      settings.advertise === undefined
        ? taken
        : formatAddress({
            host: settings.advertise.host,
            port: settings.advertise.port || Number(taken.slice(taken.lastIndexOf(':') + 1)),
          }),
    ...(addresses['metrics'] === undefined ? {} : { metrics: advertised(addresses['metrics'], settings) }),
    ...(addresses['admin'] === undefined ? {} : { admin: addresses['admin'] }),
    ...(settings.zone === undefined ? {} : { zone: settings.zone }),
  }
}

/** What listens on every address is told by the one that others can reach. */
function advertised(address: string, settings: ProxySettings): string {
  const { advertise } = settings
  if (advertise === undefined || !/^(0\.0\.0\.0|\[::\]):/.test(address)) return address
  return formatAddress({ host: advertise.host, port: Number(address.slice(address.lastIndexOf(':') + 1)) })
}
