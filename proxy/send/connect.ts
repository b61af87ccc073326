// Hot path: how an upstream's bytes come in.
import { connect as connectTcp, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Upstream } from '../../protocol/snapshot.ts'
import { parseAddress } from '../../runtime/address.ts'
import { COPY_BYTES_MAX } from '../cork.ts'

/**
 * Opens a socket to `address` (host:port), whose bytes go to `onBytes`: a piece of up to COPY_BYTES_MAX is valid during the call only, a
 * larger one may be kept. A name is resolved for every connection, so that a change in DNS is found by new ones.
 */
export type Connect = (address: string, tls: Upstream['tls'], onBytes: (bytes: Buffer) => void) => Socket

/**
 * What every plain socket reads into, one at a time: a read is over when its callback returns. It spares a buffer, a stream's 'data' and a
 * tick for each read. Not for TLS, which may hand out what it holds of one connection from within a write to another.
 */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)

export const connectSocket: Connect = (address, tls, onBytes) => {
  const target = parseAddress(address)
  // Addresses are checked where policy comes in; one that got here anyway fails as a connection does.
  if (target === undefined) return new Socket().destroy(new Error(`${address} is not host:port`))
  const options = { host: target.host, port: target.port, noDelay: true, allowHalfOpen: true }
  if (tls === undefined) {
    const callback = (length: number): boolean => {
      const bytes = readBuffer.subarray(0, length)
      onBytes(length > COPY_BYTES_MAX ? Buffer.from(bytes) : bytes)
      return true
    }
    return connectTcp({ ...options, onread: { buffer: readBuffer, callback } })
  }
  const socket = connectTls({
    ...options,
    servername: tls.serverName ?? target.host,
    ...(tls.caPem === undefined ? {} : { ca: tls.caPem }),
  })
  return socket.on('data', onBytes)
}
