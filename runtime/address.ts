import type { AddressInfo, Server } from 'node:net'

/** host:port as people write it; IPv6 in brackets. */
export interface Address {
  host: string
  port: number
}

/** Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:0` or `:8080` (loopback). Undefined when it is none of them. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/.exec(text)
  if (!match) return undefined
  const port = Number(match[3])
  if (port > 65_535) return undefined
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port }
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::', '*'])

/** Every address of a machine: one can listen there, and nobody can be told to come there. */
export function isAnyHost(host: string): boolean {
  return ANY.has(host)
}

/** Listens and answers with the address that was taken (port 0: any free one). A taken port rejects with its address in the message. */
export function listen(server: Server, address: Address): Promise<Address> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(
              `${formatAddress(address)} is taken by another process: choose another port, or 0 for any free one`,
            )
          : error,
      )
    server.once('error', failed)
    server.listen(address.port, address.host, () => {
      server.off('error', failed)
      const taken = server.address() as AddressInfo
      resolve({ host: address.host, port: taken.port })
    })
  })
}
