import { STATIC_TABLE } from './static-table.ts'

/** How a field is put into a block. */
export type Policy = number

/** Into the dynamic table: the next one is a byte. */
export const INDEXED = 0
/** Its values hardly repeat: only the name is kept, the values pass without a place in the table. */
export const VARYING = 1
/** The same, and no value comes twice: not even looked for. */
export const UNIQUE = 2
/** A secret: never in a table, here nor on any further hop (RFC 7541, 7.1.3). Many users share a connection to an upstream. */
export const NEVER = 3
/** Means one connection of HTTP/1.1: left out (RFC 9113, 8.2.2). */
export const DROPPED = 4

/** A name with static entries or a policy of its own. */
export interface KnownName {
  readonly policy: Policy
  /** Index of its first static entry, 0: none. */
  readonly staticIndex: number
  /** Values of its static entries, in order from staticIndex. */
  readonly staticValues: readonly string[]
}

const SECRET = 'authorization proxy-authorization cookie set-cookie'
const MANY_VALUES =
  ':path age b3 baggage content-length content-location content-range etag expires grpc-message grpc-timeout ' +
  'if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location range referer ' +
  'retry-after server-timing tracestate x-envoy-upstream-service-time x-forwarded-for'
const IDS = 'sec-websocket-accept sec-websocket-key traceparent x-b3-parentspanid x-b3-spanid x-b3-traceid x-request-id'
const OF_ONE_CONNECTION = 'connection http2-settings keep-alive proxy-connection transfer-encoding upgrade'

const KNOWN = new Map<string, KnownName>()
for (const [i, [name]] of STATIC_TABLE.entries()) {
  if (KNOWN.has(name)) continue
  const staticValues = STATIC_TABLE.filter(entry => entry[0] === name).map(entry => entry[1])
  KNOWN.set(name, { policy: INDEXED, staticIndex: i + 1, staticValues })
}
setPolicy(SECRET, NEVER)
setPolicy(MANY_VALUES, VARYING)
setPolicy(IDS, UNIQUE)
setPolicy(OF_ONE_CONNECTION, DROPPED)

function setPolicy(names: string, policy: Policy): void {
  for (const name of names.split(' ')) {
    const known = KNOWN.get(name) ?? { staticIndex: 0, staticValues: [] }
    KNOWN.set(name, { ...known, policy })
  }
}

export function knownName(name: string): KnownName | undefined {
  return KNOWN.get(name)
}
