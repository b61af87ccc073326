import { connect as connectTcp, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Upstream } from '../../protocol/snapshot.ts'
import { parseAddress } from '../../runtime/address.ts'

/** Opens a socket to `address` (host:port). A name is resolved for every connection, so that a change in DNS is found by new ones. */
export type Connect = (address: string, tls: Upstream['tls']) => Socket

export const connectSocket: Connect = (address, tls) => {
  const target = parseAddress(address)
  // Addresses are checked where policy comes in; one that got here anyway fails as a connection does.
  if (target === undefined) return new Socket().destroy(new Error(`${address} is not host:port`))
  const options = { host: target.host, port: target.port, noDelay: true, allowHalfOpen: true }
  if (tls === undefined) return connectTcp(options)
  return connectTls({
    ...options,
    servername: tls.serverName ?? target.host,
    ...(tls.caPem === undefined ? {} : { ca: tls.caPem }),
  })
}
