import { randomBytes } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureVersion, type TlsOptions } from 'node:tls'
import type { IssuedCertificate } from '../protocol/credentials.ts'
import { strongTls } from '../runtime/tls-strength.ts'

/** A certificate as it was issued, with its key: what is kept on disk. */
export interface Issued extends IssuedCertificate {
  keyPem: string
  trustDomain: string
  dc: string
  /** When it came, ms since 1970: half life counts from here, whatever the authority's clock says. */
  receivedMs: number
}

/** Who this program is and whom it trusts, as one value that never changes: a renewal makes another one. */
export interface Credentials {
  readonly spiffeId: string
  readonly trustDomain: string
  readonly dc: string
  /** Like all that holds it not enumerable: no log line and no dump of this value can show it. */
  readonly keyPem: string
  /** Leaf first. */
  readonly chainPem: string
  readonly roots: readonly string[]
  /** Fingerprint of the root that it comes from. */
  readonly issuer: string
  readonly receivedMs: number
  readonly notAfterMs: number
  /** What a listener's handshakes are made with; the same object for as long as these credentials are in force. */
  readonly server: TlsOptions & { ticketKeys: Buffer }
  /** What connections to other proxies are made with. */
  readonly client: SecureContext
}

/**
 * Makes the value. `before` are the credentials that it follows: sessions that were begun under them can be taken up again (the keys of
 * session tickets stay), unless a root is no longer trusted: then whoever it vouched for has to prove itself anew.
 */
export function credentialsOf(issued: Issued, minVersion: SecureVersion, before: Credentials | undefined): Credentials {
  const { keyPem, chain, roots, spiffeId, trustDomain, dc, issuer, receivedMs } = issued
  const rootRetired = before === undefined || before.roots.some(root => !roots.includes(root))
  const ticketKeys = rootRetired ? randomBytes(48) : before.server.ticketKeys
  const material = { key: keyPem, cert: chain, ca: roots, minVersion, ...strongTls }
  const made: Credentials = {
    spiffeId,
    trustDomain,
    dc,
    keyPem,
    chainPem: chain,
    roots,
    issuer,
    receivedMs,
    notAfterMs: Date.parse(issued.notAfter),
    server: { ...material, requestCert: true, ticketKeys },
    client: createSecureContext(material),
  }
  for (const secret of ['keyPem', 'server', 'client']) Object.defineProperty(made, secret, { enumerable: false })
  return Object.freeze(made)
}

/** The credentials that listeners and connections read; renewal alone writes them. */
export interface CredentialsInForce {
  readonly current: Credentials | undefined
  replace(credentials: Credentials): void
  /** Called after each replacement. */
  onChange(callback: (credentials: Credentials) => void): void
}

export function credentialsInForce(): CredentialsInForce {
  let current: Credentials | undefined
  const callbacks: ((credentials: Credentials) => void)[] = []
  return {
    get current() {
      return current
    },
    replace(credentials) {
      current = credentials
      for (const callback of callbacks) callback(credentials)
    },
    onChange(callback) {
      callbacks.push(callback)
    },
  }
}
