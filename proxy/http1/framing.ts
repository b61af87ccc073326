// Hot path: which framing a message has, and which one the message made from it gets. Pure decisions on a few numbers.
import type { RequestHead } from './request-head.ts'
import type { ResponseHead } from './response-head.ts'

/**
 * How the end of a body is known (RFC 9112, 6.3). `tunnel` is no body: after CONNECT and 101 the bytes belong to whatever
 * speaks there, and no body reader is used.
 */
export type BodyFraming = 'none' | 'length' | 'chunked' | 'until-close' | 'tunnel'

/** How the body of a request that came in is framed (RFC 9112, 6.3). A request never lasts until close. */
export function requestFraming(head: RequestHead): 'none' | 'length' | 'chunked' | 'tunnel' {
  if (head.method === 'CONNECT') return 'tunnel'
  if (head.chunked) return 'chunked'
  return head.contentLength > 0 ? 'length' : 'none'
}

/**
 * How the body of an upstream's answer is framed (RFC 9112, 6.3). For 1xx but 101, which is no final answer, it is 'none':
 * another head follows. With 'until-close' the connection cannot be reused whatever keepAlive says.
 */
export function responseFraming(head: ResponseHead, requestMethod: string): BodyFraming {
  const { statusCode } = head
  if (statusCode === 101) return 'tunnel'
  if (requestMethod === 'CONNECT' && statusCode >= 200 && statusCode <= 299) return 'tunnel'
  if (requestMethod === 'HEAD' || isBodiless(statusCode)) return 'none'
  if (head.chunked) return 'chunked'
  if (head.contentLength >= 0) return head.contentLength === 0 ? 'none' : 'length'
  return 'until-close'
}

/** Whether an answer with this status never has a body, whatever its fields say. */
function isBodiless(statusCode: number): boolean {
  return statusCode === 204 || statusCode === 304 || statusCode < 200
}

/**
 * The framing of a request to an HTTP/1.1 upstream. `contentLength` is -1 when unknown; the content-length field, where
 * there is one, must say the same. `hasBody` false: not one byte of body will follow.
 */
export function framingToUpstream(hasBody: boolean, contentLength: number): 'none' | 'length' | 'chunked' {
  if (contentLength > 0) return 'length'
  return hasBody && contentLength < 0 ? 'chunked' : 'none'
}

/**
 * The framing of a final answer to a downstream of this minor version. A known length is kept; an unknown one is chunked
 * for 1.1 and ended by closing for 1.0, which knows no chunks ('until-close': send Connection: close, and close). An answer
 * without body and without a length is chunked too: with neither, a 1.1 client would wait for the connection to close.
 */
export function framingToDownstream(
  statusCode: number,
  requestMethod: string,
  minorVersion: 0 | 1,
  contentLength: number,
): Exclude<BodyFraming, 'tunnel'> {
  if (requestMethod === 'HEAD' || isBodiless(statusCode) || contentLength === 0) return 'none'
  if (contentLength > 0) return 'length'
  return minorVersion === 0 ? 'until-close' : 'chunked'
}
