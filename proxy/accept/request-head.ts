// Hot path: turns a head of the wire into the exchange's words.
import type { Direction, Fields, RequestHead } from '../exchange.ts'
import type { Failure } from '../failures.ts'
import { requestFraming } from '../http1/framing.ts'
import { requestFieldsToPass } from '../http1/hop-by-hop.ts'
import type { RequestHead as WireHead } from '../http1/request-head.ts'
import type { Client } from './security.ts'

/** Who sent it, and how far it is believed. */
export interface Peer {
  ip: string
  direction: Direction
  scheme: 'http' | 'https'
  /** A gateway takes what proxies say of a request (x-forwarded-*, x-envoy-*) only from those it trusts. */
  trusted: boolean
  /** Who it is by its certificate. */
  client: Client
  /** Clear text where TLS is taken, too. */
  plain: boolean
  /** Why no request of this connection is taken; undefined: they are. */
  refusal: Failure | undefined
}

/** The exchange's head: hop-by-hop fields gone, x-forwarded-* as this proxy vouches for them. */
export function requestHeadOf(head: WireHead, peer: Peer): RequestHead {
  const framing = requestFraming(head)
  return {
    method: head.method,
    target: head.method === 'CONNECT' ? head.authority : head.path,
    authority: head.authority,
    scheme: peer.scheme,
    fields: forwarded(requestFieldsToPass(head), peer),
    protocol: head.minorVersion === 1 ? 'HTTP/1.1' : 'HTTP/1.0',
    contentLength: framing === 'chunked' ? -1 : Math.max(0, head.contentLength),
    hasBody: framing === 'length' || framing === 'chunked',
    upgrade: isTunnelled(head.upgrade) ? head.upgrade : '',
    expectContinue: head.expectContinue,
    acceptsTrailers: head.acceptsTrailers,
  }
}

/** An upgrade to another HTTP within the tunnel would carry requests past every rule that is held here ("h2c smuggling"). */
function isTunnelled(upgrade: string): boolean {
  return upgrade !== '' && !/(^|[\s,])(h2c?|http|tls)/i.test(upgrade)
}

const CLIENT_CERTIFICATE = 'x-forwarded-client-cert'

/**
 * Outbound, the peer is the own application: it says for whom it asks, nothing is added. Inbound and at the gateway the peer is appended to
 * x-forwarded-for; a gateway starts both fields anew for a peer that it does not trust. Who asks by its certificate is told to the application
 * as Envoy tells it (x-forwarded-client-cert), by us alone: what a request says of that by itself is taken out.
 */
export function forwarded(given: Fields, peer: Peer): Fields {
  const fields = peer.direction === 'gateway' && !peer.trusted ? without(given, isClaim) : given
  let forAt = -1
  let protoAt = -1
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (name === 'x-forwarded-for') forAt = i + 1
    else if (name === 'x-forwarded-proto') protoAt = i + 1
    else if (isClientCertificate(name) && peer.direction !== 'outbound')
      return forwarded(without(fields, isClientCertificate), peer)
  }
  if (protoAt < 0) fields.push('x-forwarded-proto', peer.scheme)
  if (peer.direction === 'outbound') return fields
  if (peer.client.clientCertificate !== '') fields.push(CLIENT_CERTIFICATE, peer.client.clientCertificate)
  if (forAt < 0) fields.push('x-forwarded-for', peer.ip)
  else fields[forAt] = `${fields[forAt]}, ${peer.ip}`
  return fields
}

export function without(fields: Fields, isUnwanted: (name: string) => boolean): Fields {
  let kept: Fields | undefined
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (isUnwanted(name)) kept ??= fields.slice(0, i)
    else kept?.push(name, fields[i + 1]!)
  }
  return kept ?? fields
}

function isClientCertificate(name: string): boolean {
  return name === CLIENT_CERTIFICATE
}

/** What only a proxy may say: from outside it would be believed further in. */
function isClaim(name: string): boolean {
  if (name.charCodeAt(0) === 0x78)
    return (
      name.startsWith('x-forwarded-') ||
      name.startsWith('x-envoy-') ||
      name.startsWith('x-trimtab-') ||
      name === 'x-real-ip'
    )
  return name === 'forwarded'
}
