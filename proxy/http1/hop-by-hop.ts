// Hot path: what may travel on. Most messages have nothing to remove, and then nothing is copied.
import type { RequestHead } from './request-head.ts'
import type { ResponseHead } from './response-head.ts'

/**
 * Fields that Connection may not declare hop-by-hop. Anyone may write `Connection: authorization`, and a proxy that obeys
 * strips what the next hop judges by (RFC 9110, 7.6.1 forbids to list fields meant for all recipients).
 */
const END_TO_END = new Set(
  (
    'age authorization b3 baggage cache-control cookie date etag expect expires forwarded from grpc-status ' +
    'grpc-message grpc-timeout host if-match if-modified-since if-none-match if-range if-unmodified-since ' +
    'last-modified location max-forwards origin pragma range referer retry-after set-cookie traceparent tracestate ' +
    'trailer user-agent vary via www-authenticate x-real-ip x-request-id'
  ).split(' '),
)
const END_TO_END_PREFIXES = ['access-control-', 'content-', 'sec-', 'x-b3-', 'x-envoy-', 'x-forwarded-', 'x-trimtab-']

/**
 * The fields of a request that go on to the upstream: head.fields itself when there is nothing to remove, else a new array.
 * Removed are the fields of this connection, what Connection names (but for END_TO_END), and Proxy-Authorization: it is
 * for a proxy that asked for it, and we never ask, so no application shall see it. `te` stays as `trailers`. Upgrade is
 * carried by the serializer's own argument, never in the fields.
 */
export function requestFieldsToPass(head: RequestHead): string[] {
  const { fields, acceptsTrailers } = head
  // A 1.0 client cannot take the 100 Continue that Expect asks for.
  const dropsExpect = head.minorVersion === 0
  if (!head.hopByHop && !dropsExpect) return fields
  const passed: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (isHopByHop(name) || isNamed(head.connectionNames, name)) continue
    if (dropsExpect && name === 'expect') continue
    passed.push(name, fields[i + 1]!)
  }
  if (acceptsTrailers) passed.push('te', 'trailers')
  return passed
}

/**
 * The fields of an answer that go on to the downstream. As for requests; Proxy-Authenticate too falls away. Content-Length
 * is removed from answers that may not have it (1xx, 204; RFC 9110, 8.6).
 */
export function responseFieldsToPass(head: ResponseHead): string[] {
  const { fields } = head
  const dropsLength = head.contentLength >= 0 && (head.statusCode < 200 || head.statusCode === 204)
  if (!head.hopByHop && !dropsLength) return fields
  const passed: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (isHopByHop(name) || isNamed(head.connectionNames, name)) continue
    if (dropsLength && name === 'content-length') continue
    passed.push(name, fields[i + 1]!)
  }
  return passed
}

/**
 * The Connection field of a request to an upstream. TE must be listed there where it is sent (RFC 9110, 10.1.4).
 */
export function connectionToUpstream(keep: boolean, acceptsTrailers: boolean, isUpgrade: boolean): string {
  const first = isUpgrade ? 'upgrade' : keep ? '' : 'close'
  if (!acceptsTrailers) return first
  return first === '' ? 'te' : `${first}, te`
}

/** The Connection field of a final answer: 1.0 clients must be told of a kept connection, 1.1 clients of a closed one. */
export function connectionToDownstream(keep: boolean, minorVersion: 0 | 1, isUpgrade: boolean): string {
  if (isUpgrade) return 'upgrade'
  if (!keep) return 'close'
  return minorVersion === 0 ? 'keep-alive' : ''
}

/** Whether a field with this lower-case name belongs to one connection only. By length first: most names end there. */
function isHopByHop(name: string): boolean {
  switch (name.length) {
    case 2:
      return name === 'te'
    case 7:
      return name === 'upgrade'
    case 10:
      return name === 'connection' || name === 'keep-alive'
    case 16:
      return name === 'proxy-connection'
    case 17:
      return name === 'transfer-encoding'
    case 18:
      return name === 'proxy-authenticate'
    case 19:
      return name === 'proxy-authorization'
    case 25:
      return name === 'proxy-authentication-info'
    default:
      return false
  }
}

function isNamed(connectionNames: readonly string[], name: string): boolean {
  if (connectionNames.length === 0 || !connectionNames.includes(name)) return false
  return !END_TO_END.has(name) && !END_TO_END_PREFIXES.some(prefix => name.startsWith(prefix))
}
