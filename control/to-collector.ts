import type { buildConnector } from 'undici'
import { connectionToCollector, meshConnector } from '../credentials/connection.ts'
import type { TlsIdentity } from './identity/own-certificate.ts'

/** How undici is to connect to a collector: by https it must prove itself, and control does. */
export type CollectorConnect = (url: string, timeoutMs: number) => buildConnector.connector | { timeout: number }

export function collectorConnect(parts: {
  own(): TlsIdentity | undefined
  trustDomain(): string
  wall: () => number
}): CollectorConnect {
  const options = () => {
    const own = parts.own()
    if (own === undefined) throw new Error('control has no certificate now: see trimtab ca status')
    const trust = { roots: own.ca, trustDomain: parts.trustDomain() }
    return connectionToCollector(trust, { keyPem: own.key, chainPem: own.cert }, parts.wall)
  }
  return (url, timeoutMs) =>
    new URL(url).protocol === 'https:' ? meshConnector(options, timeoutMs) : { timeout: timeoutMs }
}

/** Whether what is sent there can be read on the way: by http, to another machine. */
export function readableOnTheWay(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && !/^(localhost|\[::1\]|127\.\d+\.\d+\.\d+)$/.test(hostname)
}
