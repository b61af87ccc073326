import { isIP } from 'node:net'
import { hostname } from 'node:os'

/** The names and addresses that people's programs reach control by, for its TLS certificate. Proxies go by its SPIFFE id. */
export function ownHosts(listenHost: string): { dns: string[]; ips: string[] } {
  const dns = new Set(['localhost'])
  const ips = new Set(['127.0.0.1', '::1'])
  for (const host of [listenHost, hostname()].map(name => name.toLowerCase()))
    if (isIP(host) !== 0) ips.add(host)
    else if (/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(host)) dns.add(host)
  // These stand for every interface: nobody asks for them.
  for (const every of ['0.0.0.0', '::']) ips.delete(every)
  return { dns: [...dns], ips: [...ips] }
}
