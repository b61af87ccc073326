/** Where a listener stands. Port 0 asks the system for any free one. */
export interface Address {
  host: string
  port: number
}

export type AddressReading = { status: 'read'; address: Address } | { status: 'refused'; reason: string }

const SHAPE = /^(?:\[(?<ipv6>[0-9a-fA-F:.%]+)\]|(?<host>[^:[\]\s/]+)):(?<port>\d{1,5})$/

/** Reads `HOST:PORT`, with an IPv6 host in brackets. Port: 0 to 65535. */
export function parseAddress(text: string): AddressReading {
  const groups = SHAPE.exec(text)?.groups
  const host = groups?.['ipv6'] ?? groups?.['host']
  if (groups === undefined || host === undefined) {
    return {
      status: 'refused',
      reason: 'Allowed: HOST:PORT, such as 127.0.0.1:8080 or [::1]:0 (port 0: any free one).',
    }
  }
  const port = Number(groups['port'])
  if (port > 65_535) return { status: 'refused', reason: `Port ${port} is above 65535.` }
  return { status: 'read', address: { host, port } }
}

/** The reverse of parseAddress. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
