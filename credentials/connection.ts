import { X509Certificate } from 'node:crypto'
import type { buildConnector } from 'undici'
import { collectorSpiffeId, controlSpiffeId } from '../protocol/identity.ts'
import { connectorOf } from '../runtime/http-client.ts'
import { TlsRefusal } from '../runtime/tls-faults.ts'
import { uriNames, whyUnfit } from './peer-certificate.ts'

/** Connections to control and to collectors: which program answers is proved by its one SPIFFE id, whatever its address. */

/** What they are known by. */
export interface Trust {
  roots: readonly string[]
  trustDomain: string
}

/** What we show to them. */
export interface OwnCertificate {
  /** PEM. */
  keyPem: string
  /** PEM, leaf first. */
  chainPem: string
}

/** TLS to control: its chain ends in a root that we trust, and its one URI is control's id. */
export function connectionToControl(
  trust: Trust,
  own: OwnCertificate | undefined,
  wall: () => number,
): buildConnector.BuildOptions {
  return connectionTo('control', controlSpiffeId(trust.trustDomain), trust, own, wall)
}

/** The same to a collector of the mesh. */
export function connectionToCollector(
  trust: Trust,
  own: OwnCertificate,
  wall: () => number,
): buildConnector.BuildOptions {
  return connectionTo('the collector', collectorSpiffeId(trust.trustDomain), trust, own, wall)
}

function connectionTo(
  who: string,
  spiffeId: string,
  { roots }: Trust,
  own: OwnCertificate | undefined,
  wall: () => number,
): buildConnector.BuildOptions {
  return {
    ca: [...roots],
    rejectUnauthorized: true,
    checkServerIdentity(_, { raw }) {
      const certificate = new X509Certificate(raw)
      const unfit = whyUnfit(certificate, wall())
      if (unfit !== undefined) return new TlsRefusal(unfit.fault, `expected ${who}: ${unfit.detail}`)
      const names = uriNames(certificate.subjectAltName)
      if (names.length === 1 && names[0] === spiffeId) return undefined
      return new TlsRefusal('wrong_identity', `expected ${spiffeId}, but ${names.join(', ') || 'nobody'} answered`)
    },
    ...(own === undefined ? {} : { key: own.keyPem, cert: own.chainPem }),
  }
}

/**
 * A way for undici to connect that looks up the credentials for each connection: so a renewal is picked up by the next one. What `options`
 * throws is why the connection fails.
 */
export function meshConnector(options: () => buildConnector.BuildOptions, timeoutMs: number): buildConnector.connector {
  return (target, callback) => {
    let connect: buildConnector.connector
    try {
      // No session is taken up again: Node would not ask checkServerIdentity then.
      connect = connectorOf({ ...options(), timeout: timeoutMs, maxCachedSessions: 0 })
    } catch (error) {
      return callback(error as Error, null)
    }
    connect(target, callback)
  }
}
