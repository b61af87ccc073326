// Hot path: how an upstream's bytes come in.
import { connect as connectTcp, isIP, Socket, type TcpNetConnectOpts } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import type { Upstream } from '../../protocol/snapshot.ts'
import { parseAddress } from '../../runtime/address.ts'
import { faultOf, TlsRefusal } from '../../runtime/tls-faults.ts'
import { COPY_BYTES_MAX } from '../cork.ts'
import { laidOver } from '../tcp/reset.ts'
import type { TlsStats } from '../tls-stats.ts'
import { ALPN_HTTP1 } from './wires.ts'

/**
 * Opens a socket to `address` (host:port), whose bytes go to `onBytes`: a piece of up to COPY_BYTES_MAX is valid during the call only, a
 * larger one may be kept. A name is resolved for every connection, so that a change in DNS is found by new ones.
 */
export type Connect = (
  address: string,
  security: UpstreamSecurity,
  onBytes: (bytes: Buffer) => void,
  stats: TlsStats,
) => Socket

/** How the way to an upstream is secured. */
export type UpstreamSecurity = Pick<Upstream, 'tls' | 'peerSpiffeId'> & {
  /** What TLS offers to speak, the preferred first; HTTP/1.1 alone where nothing is said. */
  alpn?: readonly string[]
  /** The bytes are an application's own: TLS offers no ALPN, and what lies under it can be reset. */
  tcp?: boolean
}

export function isSecured({ tls, peerSpiffeId }: UpstreamSecurity): boolean {
  return tls !== undefined || peerSpiffeId !== undefined
}

/**
 * What every plain socket reads into, one at a time: a read is over when its callback returns. It spares a buffer, a stream's 'data' and a
 * tick for each read. Not for TLS, which may hand out what it holds of one connection from within a write to another.
 */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)

/** Clear text, and TLS to services outside the mesh. Who has credentials for the mesh puts `meshConnect` before it. */
export const connectSocket: Connect = (address, { tls, peerSpiffeId, alpn, tcp }, onBytes, stats) => {
  const target = parseAddress(address)
  // Addresses are checked where policy comes in; one that got here anyway fails as a connection does.
  if (target === undefined) return failed(new Error(`${address} is not host:port`))
  if (peerSpiffeId !== undefined) return failed(new TlsRefusal('no_own_certificate', noIdentity), stats)
  const options = { host: target.host, port: target.port, noDelay: true, allowHalfOpen: true }
  if (tls === undefined) {
    const callback = (length: number): boolean => {
      const bytes = readBuffer.subarray(0, length)
      onBytes(length > COPY_BYTES_MAX ? ownCopyOf(bytes) : bytes)
      return true
    }
    return connectTcp({ ...options, onread: { buffer: readBuffer, callback } })
  }
  // An IP address is no server name (RFC 6066, 3); the certificate is checked against it all the same.
  const name = tls.serverName ?? (isIP(target.host) === 0 ? target.host : undefined)
  const socket = secureSocket(options, tcp, {
    ...(name === undefined ? {} : { servername: name }),
    ...(tls.caPem === undefined ? {} : { ca: tls.caPem }),
    rejectUnauthorized: true,
    ...alpnOf(alpn, tcp),
  })
  countHandshake(socket, stats)
  return socket.on('data', onBytes)
}

/** In memory of its own, so that it can be freed with it (tcp/relay.ts): Buffer.from has a pool for up to 32 KiB. */
function ownCopyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

/** TLS over a socket of its own, or, where resets are to be passed on, over one that is kept in sight. */
export function secureSocket(
  place: TcpNetConnectOpts,
  tcp: boolean | undefined,
  options: ConnectionOptions,
): TLSSocket {
  if (tcp !== true) return connectTls({ ...place, ...options })
  const raw = connectTcp(place)
  // The TLS socket over it tells of the same error.
  raw.on('error', () => {})
  const socket = connectTls({ ...options, socket: raw, allowHalfOpen: true } as ConnectionOptions)
  laidOver(socket, raw)
  return socket
}

/** As node:tls takes it. */
export function alpnOf(alpn: readonly string[] = ALPN_HTTP1, tcp = false): Pick<ConnectionOptions, 'ALPNProtocols'> {
  return tcp ? {} : { ALPNProtocols: [...alpn] }
}

const noIdentity =
  'this service is reached by mTLS, and this proxy has no identity: give it the https address of control and a join token'

/** A connection that fails before it is tried. */
export function failed(error: Error, stats?: TlsStats): Socket {
  if (stats !== undefined) stats.faults[faultOf(error)]++
  return new Socket().destroy(error)
}

/** Counts how a handshake ends; what breaks off later is not TLS's fault. */
export function countHandshake(socket: TLSSocket, stats: TlsStats): void {
  const onError = (error: Error) => {
    stats.faults[faultOf(error)]++
  }
  const onEnd = () => {
    stats.active--
  }
  // A port where nobody listens says nothing about TLS.
  socket.once('connect', () => {
    stats.active++
    socket.once('error', onError)
    socket.once('close', onEnd)
  })
  socket.once('secureConnect', () => {
    socket.off('close', onEnd)
    stats.active--
    if (socket.destroyed) return
    socket.off('error', onError)
    stats.handshakes++
    if (socket.isSessionReused()) stats.resumed++
  })
}
