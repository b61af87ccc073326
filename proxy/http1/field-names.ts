// Hot path: field names that everybody sends are found by the hash the scanner has already made, so that a name costs
// neither a string nor a lower-casing, and equal names are the same string.
import { TOKEN_LOWER } from './chars.ts'

/** Places in KNOWN_NAMES of the fields that say something about framing or the connection. They come first. */
export const CONTENT_LENGTH = 0
export const TRANSFER_ENCODING = 1
export const CONNECTION = 2
export const HOST = 3
export const UPGRADE = 4
export const EXPECT = 5
export const TE = 6
export const KEEP_ALIVE = 7
export const PROXY_CONNECTION = 8
export const PROXY_AUTHENTICATE = 9
export const PROXY_AUTHORIZATION = 10
export const PROXY_AUTHENTICATION_INFO = 11
/** Names from this place on need no look while the head is read. */
export const PLAIN_FROM = 12

const FRAMING_NAMES =
  'content-length transfer-encoding connection host upgrade expect te keep-alive proxy-connection ' +
  'proxy-authenticate proxy-authorization proxy-authentication-info'
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

export const KNOWN_NAMES: readonly string[] = `${FRAMING_NAMES} ${PLAIN_NAMES}`.split(' ')

const SLOTS = 1024
const EMPTY = -1
const slots = new Int16Array(SLOTS).fill(EMPTY)
for (const [place, name] of KNOWN_NAMES.entries()) {
  let hash = 0
  for (let i = 0; i < name.length; i++) hash = hashStep(hash, name.charCodeAt(i))
  let slot = hash & (SLOTS - 1)
  while (slots[slot] !== EMPTY) slot = (slot + 1) & (SLOTS - 1)
  slots[slot] = place
}

/** The hash of a name so far, and one more character of it, lower-cased. Begins with 0. */
export function hashStep(hash: number, lowerCode: number): number {
  return (Math.imul(hash, 31) + lowerCode) | 0
}

/** The place in KNOWN_NAMES of the name at [from, to) of `text`, whatever its case, or -1. `hash` is made by hashStep. */
export function knownNameAt(text: string, from: number, to: number, hash: number): number {
  let slot = hash & (SLOTS - 1)
  for (;;) {
    const place = slots[slot]!
    if (place === EMPTY) return EMPTY
    if (isNameAt(KNOWN_NAMES[place]!, text, from, to)) return place
    slot = (slot + 1) & (SLOTS - 1)
  }
}

function isNameAt(name: string, text: string, from: number, to: number): boolean {
  if (name.length !== to - from) return false
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) !== TOKEN_LOWER[text.charCodeAt(from + i)]) return false
  }
  return true
}
