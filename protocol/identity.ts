/** How services, control and the collector are named, SPIFFE ids (https://spiffe.io, SPIFFE-ID 2.1) laid out as Consul lays them out, and join tokens. */

/** The part of an id behind the trust domain. One namespace: a mesh file knows no other. */
const path = (dc: string, service: string) => `/ns/default/dc/${dc}/svc/${service}`

/** `spiffe://<trust domain>/ns/default/dc/<dc>/svc/<service>`; a gateway's proxies have the gateway's name. */
export function spiffeIdOf({ trustDomain, dc }: { trustDomain: string; dc: string }, service: string): string {
  return `spiffe://${trustDomain}${path(dc, service)}`
}

/** What control itself proves to proxies. No service's id: those have a path of eight parts. */
export function controlSpiffeId(trustDomain: string): string {
  return `spiffe://${trustDomain}/control`
}

/** What collectors prove to proxies and to control; there may be several, and they are one and the same. */
export function collectorSpiffeId(trustDomain: string): string {
  return `spiffe://${trustDomain}/collector`
}

/**
 * Stands for the collector where else the name of a service or gateway stands: in requests for certificates, join tokens and lists. No
 * service can be called so.
 */
export const COLLECTOR = '(collector)'

/** The id of who joins: a service or gateway by its name, or COLLECTOR. */
export function memberSpiffeId(mesh: { trustDomain: string; dc: string }, member: string): string {
  return member === COLLECTOR ? collectorSpiffeId(mesh.trustDomain) : spiffeIdOf(mesh, member)
}

/** The other way round; undefined: the id is nobody's who can join. `dc` is undefined for the collector, which has none in its id. */
export function memberOfSpiffeId(
  id: string,
): { trustDomain: string; dc: string | undefined; member: string } | undefined {
  const named = serviceOfSpiffeId(id)
  if (named !== undefined) return { trustDomain: named.trustDomain, dc: named.dc, member: named.service }
  const trustDomain = trustDomainOf(id)
  const isCollector = trustDomain !== undefined && id === collectorSpiffeId(trustDomain)
  return isCollector ? { trustDomain, dc: undefined, member: COLLECTOR } : undefined
}

/** The trust domain of any SPIFFE id; undefined when it is none. */
export function trustDomainOf(id: string): string | undefined {
  return /^spiffe:\/\/([a-z0-9._-]{1,255})(?:\/|$)/.exec(id)?.[1]
}

/** For whom proxies and control prove who they are when they report (`aud` of the proof). */
export const COLLECTOR_AUDIENCE = 'trimtab-collector'

export interface SpiffeService {
  trustDomain: string
  dc: string
  service: string
}

/** The service that an id names; undefined when it is no service's id. */
export function serviceOfSpiffeId(id: string): SpiffeService | undefined {
  const found = /^spiffe:\/\/([a-z0-9._-]{1,255})\/ns\/default\/dc\/([A-Za-z0-9._-]+)\/svc\/([A-Za-z0-9._-]+)$/.exec(id)
  return found === null ? undefined : { trustDomain: found[1]!, dc: found[2]!, service: found[3]! }
}

/**
 * A join token as it is handed over: `<id>.<secret>.<pin>`, the parts base64url. The pin is the SHA-256 of a trusted root (DER), so that a
 * proxy knows control by nothing but its token.
 */
export interface JoinToken {
  id: string
  secret: string
  pin: string
}

export function readJoinToken(text: string): JoinToken | undefined {
  const found = /^([A-Za-z0-9_-]{8,32})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/.exec(text.trim())
  return found === null ? undefined : { id: found[1]!, secret: found[2]!, pin: found[3]! }
}

export function writeJoinToken({ id, secret, pin }: JoinToken): string {
  return `${id}.${secret}.${pin}`
}
