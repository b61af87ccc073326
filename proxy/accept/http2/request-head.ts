// Hot path: turns a head of HTTP/2 into the exchange's words.
import { randomBytes } from 'node:crypto'
import type { Fields, RequestHead } from '../../exchange.ts'
import { type Failure, failure } from '../../failures.ts'
import type { RequestHead as WireHead } from '../../http2/heads.ts'
import type { ListenerContext } from '../context.ts'
import { refusalOf } from '../refusals.ts'
import { forwarded, type Peer, without } from '../request-head.ts'

/** An extended CONNECT (RFC 8441) for what may be tunnelled. */
const WEBSOCKET = 'websocket'

/** Why a request that is valid HTTP/2 is not taken by this listener; undefined: it is. */
export function refusalOfHttp2(head: WireHead, context: ListenerContext): Failure | undefined {
  const { headBytesMax, fieldsMax, requestLineBytesMax } = context.limits.head
  if (head.tooLarge) {
    const most = `${headBytesMax} bytes or ${fieldsMax} in number`
    return failure('DPE', `the fields are more than ${most}; send fewer or shorter ones`, 431)
  }
  if (head.path.length > requestLineBytesMax)
    return failure('DPE', `the path is longer than ${requestLineBytesMax} bytes`, 414)
  if (head.authority === '') return failure('DPE', 'neither :authority nor host is given')
  if (head.protocol !== '' && head.protocol !== WEBSOCKET)
    return failure('DPE', 'an extended CONNECT is taken for websocket only', 501)
  return refusalOf(head.method === 'CONNECT' && head.protocol === '', head.underscoreNames, context)
}

/**
 * The exchange's head: x-forwarded-* as this proxy vouches for them, nothing that is meant for a proxy. An extended CONNECT becomes what it
 * stands for, a GET that asks for an upgrade, with the key that the handshake of HTTP/1.1 wants (RFC 8441, 5: HTTP/2 has none).
 * @param ended there is no body
 */
export function requestHeadOfHttp2(head: WireHead, ended: boolean, peer: Peer): RequestHead {
  const fields = forwarded(withoutProxyFields(head.fields), peer)
  const isWebSocket = head.protocol !== ''
  const isConnect = head.method === 'CONNECT'
  if (isWebSocket) fields.push('sec-websocket-key', randomBytes(16).toString('base64'))
  return {
    method: isWebSocket ? 'GET' : head.method,
    target: isConnect && !isWebSocket ? head.authority : head.path,
    authority: head.authority,
    scheme: peer.scheme,
    fields,
    protocol: 'HTTP/2',
    contentLength: isConnect || ended ? 0 : head.contentLength,
    hasBody: !ended && !isConnect,
    upgrade: head.protocol,
    expectContinue: head.expectContinue,
    acceptsTrailers: head.acceptsTrailers,
    neverIndexed: head.neverIndexed,
  }
}

/** Meant for a proxy that asked for it; we never do, so no application shall see it. The same for what else only one hop may say. */
function withoutProxyFields(fields: Fields): Fields {
  for (let i = 0; i < fields.length; i += 2) {
    if (isProxyField(fields[i]!)) return without(fields, isProxyField)
  }
  return fields
}

function isProxyField(name: string): boolean {
  return name.length > 10 && name.startsWith('proxy-aut')
}
