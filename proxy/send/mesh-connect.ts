import { X509Certificate } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import { judgePeer } from '../../credentials/peer-certificate.ts'
import { parseAddress } from '../../runtime/address.ts'
import { TlsRefusal } from '../../runtime/tls-faults.ts'
import { alpnOf, type Connect, connectSocket, countHandshake, failed, secureSocket } from './connect.ts'
import { SessionCache } from './session-cache.ts'

/** Of a proxy's credentials, what connections to other proxies need. */
export interface MeshCredentials {
  readonly current: ClientCredentials | undefined
  onChange(callback: () => void): void
}

export interface ClientCredentials {
  readonly trustDomain: string
  readonly notAfterMs: number
  readonly client: SecureContext
}

export interface MeshConnectParts {
  credentials: MeshCredentials
  /** Milliseconds since 1970. */
  wall: () => number
  /** Why there is no certificate, or none that is valid, and what to do. */
  problem: () => string
}

/**
 * Connections to endpoints of the mesh: TLS with our certificate, and the far end must prove `peerSpiffeId`, by a chain that ends in a root
 * of ours and that one name. What has no peerSpiffeId goes as connectSocket takes it. No server name is sent: who is asked for stands in no
 * byte on the wire that others could read.
 */
export function meshConnect({ credentials, wall, problem }: MeshConnectParts): Connect {
  const sessions = new SessionCache()
  // A session vouches for the certificates that it began with, on both sides.
  credentials.onChange(() => sessions.clear())
  return (address, security, onBytes, stats) => {
    const expected = security.peerSpiffeId
    if (expected === undefined) return connectSocket(address, security, onBytes, stats)
    const target = parseAddress(address)
    if (target === undefined) return failed(new Error(`${address} is not host:port`))
    const own = credentials.current
    if (own === undefined || wall() > own.notAfterMs)
      return failed(new TlsRefusal('no_own_certificate', problem()), stats)
    const key = `${address} ${expected}`
    const session = sessions.take(key, wall())
    // Of a resumed session Node tells no certificate, nor asks checkServerIdentity: it is the one that the session began with.
    let certificate = session?.certificate
    const place = { host: target.host, port: target.port, noDelay: true, allowHalfOpen: true }
    const socket = secureSocket(place, security.tcp, {
      secureContext: own.client,
      rejectUnauthorized: true,
      ...alpnOf(security.alpn, security.tcp),
      checkServerIdentity(_, { raw }) {
        certificate = new X509Certificate(raw)
        return refusalOf(certificate, own.trustDomain, expected, wall())
      },
      ...(session === undefined ? {} : { session: session.ticket }),
    })
    countHandshake(socket, stats)
    socket.prependOnceListener('secureConnect', () => {
      const refusal = socket.isSessionReused() ? refusalOf(certificate, own.trustDomain, expected, wall()) : undefined
      if (refusal !== undefined) socket.destroy(refusal)
    })
    socket.on('session', (ticket: Buffer) => {
      // Of credentials that were replaced meanwhile nothing is to be taken up again.
      if (credentials.current === own && certificate !== undefined) sessions.keep(key, { ticket, certificate })
    })
    return socket.on('data', onBytes)
  }
}

/** Why the far end is not whom we asked for; undefined: it is. */
export function refusalOf(
  certificate: X509Certificate | undefined,
  trustDomain: string,
  expected: string,
  wallMs: number,
): TlsRefusal | undefined {
  if (certificate === undefined)
    return new TlsRefusal('no_certificate', `expected ${expected}, but nobody proved anything`)
  const verdict = judgePeer(certificate, trustDomain, wallMs)
  if (verdict.status === 'refused') return new TlsRefusal(verdict.fault, `expected ${expected}: ${verdict.detail}`)
  if (verdict.spiffeId === expected) return undefined
  return new TlsRefusal('wrong_identity', `expected ${expected}, but ${verdict.spiffeId} answered`)
}
