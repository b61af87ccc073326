import { isIP } from 'node:net'
import { hostname } from 'node:os'

/** The names and addresses that a certificate shows to programs that know no SPIFFE id. */
export interface CertificateHosts {
  dns: string[]
  ips: string[]
}

/** Those that people's programs reach control by. Proxies go by its SPIFFE id. */
export function ownHosts(listenHost: string): CertificateHosts {
  return hostsOf([listenHost, hostname()])
}

/** Those of collectors: what control was told to reach them by. */
export function collectorHosts(urls: readonly string[]): CertificateHosts {
  return hostsOf(urls.map(url => new URL(url).hostname.replace(/^\[|\]$/g, '')))
}

function hostsOf(names: readonly string[]): CertificateHosts {
  const dns = new Set(['localhost'])
  const ips = new Set(['127.0.0.1', '::1'])
  for (const host of names.map(name => name.toLowerCase()))
    if (isIP(host) !== 0) ips.add(host)
    else if (/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(host)) dns.add(host)
  // These stand for every interface: nobody asks for them.
  for (const every of ['0.0.0.0', '::']) ips.delete(every)
  return { dns: [...dns], ips: [...ips] }
}
