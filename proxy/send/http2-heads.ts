// Hot path: heads between the exchange's words and those of an HTTP/2 upstream.
import { type Exchange, type Fields, fieldOf, type ResponseHead } from '../exchange.ts'
import type { RequestToSend, ResponseHead as WireHead } from '../http2/heads.ts'
import { webSocketAccept } from '../websocket-accept.ts'

export const WEBSOCKET = 'websocket'

/**
 * The request as it goes out. The scheme is that of the way there, which x-forwarded-proto need not agree with; Host becomes :authority, and
 * the codec leaves out what belongs to a connection of HTTP/1.1. An upgrade to WebSocket becomes an extended CONNECT (RFC 8441), without the
 * key, which means nothing there; any other upgrade is not asked for, as a client must expect (RFC 9110, 7.8).
 */
export function requestToSend(exchange: Exchange, secure: boolean): RequestToSend {
  const { request } = exchange
  const isWebSocket = asksForWebSocket(exchange)
  return {
    method: isWebSocket ? 'CONNECT' : request.method,
    scheme: secure ? 'https' : 'http',
    authority: request.authority,
    path: request.target,
    protocol: isWebSocket ? WEBSOCKET : '',
    fields: isWebSocket ? without(request.fields, 'sec-websocket-key') : request.fields,
    neverIndexed: request.neverIndexed ?? null,
  }
}

export function asksForWebSocket({ request }: Exchange): boolean {
  return request.upgrade !== '' && request.method === 'GET' && request.upgrade.toLowerCase() === WEBSOCKET
}

/** `ended`: nothing follows the head. */
export function responseHeadOfHttp2(head: WireHead, requestMethod: string, ended: boolean): ResponseHead {
  const { statusCode, contentLength } = head
  const isBodiless = statusCode < 200 || statusCode === 204 || statusCode === 304
  return {
    status: statusCode,
    reason: '',
    fields: fieldsToPass(head),
    contentLength,
    hasBody: !ended && !isBodiless && contentLength !== 0 && requestMethod !== 'HEAD',
    upgrade: '',
    neverIndexed: head.neverIndexed,
  }
}

/** Proxy-Authenticate and its like are the upstream's words to us; a 204 has no length (RFC 9110, 8.6). */
function fieldsToPass({ fields, statusCode, contentLength }: WireHead): Fields {
  const dropsLength = contentLength >= 0 && (statusCode < 200 || statusCode === 204)
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (isProxyField(name) || (dropsLength && name === 'content-length')) return passed(fields, dropsLength)
  }
  return fields
}

function passed(fields: Fields, dropsLength: boolean): Fields {
  const kept: Fields = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (!isProxyField(name) && !(dropsLength && name === 'content-length')) kept.push(name, fields[i + 1]!)
  }
  return kept
}

function isProxyField(name: string): boolean {
  return name.length > 10 && name.startsWith('proxy-auth')
}

/** What a 2xx to an extended CONNECT means to a client that asked for an upgrade: a 101 that knows its key (RFC 6455, 4.2.2). */
export function switchingProtocols(head: WireHead, request: Fields): ResponseHead {
  const key = fieldOf(request, 'sec-websocket-key')
  const fields = without(fieldsToPass(head), 'content-length')
  if (key !== undefined) fields.push('sec-websocket-accept', webSocketAccept(key))
  return { status: 101, reason: '', fields, contentLength: -1, hasBody: false, upgrade: WEBSOCKET }
}

function without(fields: Fields, unwanted: string): Fields {
  const kept: Fields = []
  for (let i = 0; i < fields.length; i += 2) if (fields[i] !== unwanted) kept.push(fields[i]!, fields[i + 1]!)
  return kept
}
