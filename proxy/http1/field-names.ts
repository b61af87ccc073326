// Hot path: field names that everybody sends are found in a table, so that a name costs neither a string nor a
// lower-casing, and equal names are the same string.
import { TOKEN_LOWER } from './chars.ts'

/** Places in KNOWN_NAMES of fields that say something about framing or the connection. Such fields come first. */
export const CONTENT_LENGTH = 0
export const TRANSFER_ENCODING = 1
export const CONNECTION = 2
export const HOST = 3
export const UPGRADE = 4
export const EXPECT = 5
export const TE = 6

const FRAMING_NAMES =
  'content-length transfer-encoding connection host upgrade expect te keep-alive proxy-connection ' +
  'proxy-authenticate proxy-authorization proxy-authentication-info'
/** Names from this place on need no look while the head is read. */
export const PLAIN_FROM = FRAMING_NAMES.split(' ').length
const PLAIN_NAMES =
  'accept accept-charset accept-encoding accept-language accept-ranges access-control-allow-credentials ' +
  'access-control-allow-headers access-control-allow-methods access-control-allow-origin ' +
  'access-control-expose-headers access-control-max-age access-control-request-headers ' +
  'access-control-request-method age allow alt-svc authorization b3 baggage cache-control content-disposition ' +
  'content-encoding content-language content-location content-range content-security-policy content-type cookie ' +
  'date dnt etag expires forwarded from grpc-accept-encoding grpc-encoding grpc-message grpc-status grpc-timeout ' +
  'if-match if-modified-since if-none-match if-range if-unmodified-since last-modified link location max-forwards ' +
  'origin permissions-policy pragma priority range referer referrer-policy retry-after sec-ch-ua ' +
  'sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user ' +
  'sec-websocket-accept sec-websocket-extensions sec-websocket-key sec-websocket-protocol sec-websocket-version ' +
  'server server-timing set-cookie strict-transport-security timing-allow-origin traceparent tracestate trailer ' +
  'upgrade-insecure-requests user-agent vary via warning www-authenticate x-b3-flags x-b3-parentspanid ' +
  'x-b3-sampled x-b3-spanid x-b3-traceid x-content-type-options x-envoy-attempt-count ' +
  'x-envoy-upstream-service-time x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto ' +
  'x-frame-options x-powered-by x-real-ip x-request-id x-requested-with x-trimtab-reason x-xss-protection'

/** Taken from the keys of an object, since V8 keeps those once: comparing them with `===` compares two addresses. */
export const KNOWN_NAMES: readonly string[] = Object.keys(
  Object.fromEntries(`${FRAMING_NAMES} ${PLAIN_NAMES}`.split(' ').map(name => [name, true])),
)
const KNOWN_BYTES: readonly Uint8Array[] = KNOWN_NAMES.map(name => Uint8Array.from(Buffer.from(name, 'latin1')))

const SLOTS = 1024
const EMPTY = -1
const slots = new Int16Array(SLOTS).fill(EMPTY)
for (const [place, name] of KNOWN_BYTES.entries()) {
  let slot = slotOf(name, 0, name.length)
  while (slots[slot] !== EMPTY) slot = (slot + 1) & (SLOTS - 1)
  slots[slot] = place
}

/**
 * The place in KNOWN_NAMES of the name at [from, to) of `bytes`, whatever its case, or -1. The name is not empty and
 * consists of token characters.
 */
export function knownNameAt(bytes: Uint8Array, from: number, to: number): number {
  let slot = slotOf(bytes, from, to)
  for (;;) {
    const place = slots[slot]!
    if (place === EMPTY || isNameAt(KNOWN_BYTES[place]!, bytes, from, to)) return place
    slot = (slot + 1) & (SLOTS - 1)
  }
}

/** From the length and three letters: enough to part the known names, and cheaper than a hash of every letter. */
function slotOf(bytes: Uint8Array, from: number, to: number): number {
  const first = TOKEN_LOWER[bytes[from]!]!
  const middle = TOKEN_LOWER[bytes[(from + to) >> 1]!]!
  const last = TOKEN_LOWER[bytes[to - 1]!]!
  return ((to - from) * 31 + first * 7 + middle * 61 + last * 13) & (SLOTS - 1)
}

function isNameAt(name: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (name.length !== to - from) return false
  for (let i = 0; i < name.length; i++) {
    if (name[i] !== TOKEN_LOWER[bytes[from + i]!]) return false
  }
  return true
}
