// Hot path: a span is written by hand as JSON, once, when its request is over (measured: a third of an OpenTelemetry span's cost).
import type { Exchange, Outcome } from '../exchange.ts'
import { fieldOf } from '../exchange.ts'
import { GRPC_STATUS_NAMES, isGrpcServerFault } from '../grpc.ts'
import { pathOf } from '../path.ts'

/** Who writes the spans: its parts are the same in every span and are written once. */
export interface SpanWriter {
  /** Zipkin v2 JSON of the exchange's span, without a final newline. */
  write(exchange: Exchange, outcome: Outcome): string
}

export interface SpanIdentity {
  service: string
  serviceVersion: string
  instance: string
  /** host:port of the listener. */
  address: string
  sharedSpanContext: boolean
}

const USER_AGENT_MAX = 200
const PATH_MAX = 500
const PEERS_MAX = 2000

export function spanWriter(identity: SpanIdentity): SpanWriter {
  const localEndpoint = `"localEndpoint":${endpointJson(identity.service, identity.address)}`
  const fixedTags = `"component":"proxy","node_id":${text(identity.instance)},"service.version":${text(identity.serviceVersion)}`
  const commonOf = commonParts(localEndpoint, fixedTags)
  let wallUs = -1
  let timestamp = ''
  return {
    write(exchange, outcome) {
      const { request } = exchange
      // Under load several requests share a millisecond, and to write a number of this size is no little work.
      if (exchange.startedWallUs !== wallUs) {
        wallUs = exchange.startedWallUs
        timestamp = String(Math.round(wallUs))
      }
      let span = `{"traceId":"${exchange.traceId}","id":"${exchange.spanId}"`
      if (exchange.parentSpanId !== '') {
        span += `,"parentId":"${exchange.parentSpanId}"`
        if (exchange.direction === 'inbound' && identity.sharedSpanContext) span += ',"shared":true'
      }
      if (exchange.debug) span += ',"debug":true'
      span += `,"timestamp":${timestamp},"duration":${Math.max(1, Math.round(outcome.durationMs * 1000))}${commonOf(exchange)}`
      span += `,"http.path":${text(pathOf(request.target).slice(0, PATH_MAX))},"http.status_code":"${outcome.status}"`
      span += `,"guid:x-request-id":${text(exchange.requestId)},"request_size":"${outcome.requestBytes}","response_size":"${outcome.responseBytes}"`
      return `${span}${outcomeTags(exchange, outcome)}}}`
    },
  }
}

/** What the spans of requests of one kind to (or from) one peer have in common. */
interface Common {
  service: string
  source: string
  version: string
  weight: number
  route: string
  method: string
  protocol: string
  userAgent: string
  json: string
}

/**
 * The part of a span that is the same in most spans of one peer, kept as it was last written: from its kind to the first of its tags.
 * Forgotten all at once when there are too many peers.
 */
function commonParts(localEndpoint: string, fixedTags: string): (exchange: Exchange) => string {
  const byPeer = new Map<string, Common>()
  return exchange => {
    const { request, service, source, version, weight, route } = exchange
    const peer = exchange.direction === 'outbound' ? exchange.endpointAddress : exchange.peerAddress
    const userAgent = fieldOf(request.fields, 'user-agent')?.slice(0, USER_AGENT_MAX) ?? ''
    const known = byPeer.get(peer)
    if (
      known !== undefined &&
      known.service === service &&
      known.source === source &&
      known.version === version &&
      known.weight === weight &&
      known.route === route &&
      known.method === request.method &&
      known.protocol === request.protocol &&
      known.userAgent === userAgent
    )
      return known.json
    if (byPeer.size >= PEERS_MAX) byPeer.clear()
    const json = inOnePiece(commonJson(exchange, userAgent, localEndpoint, fixedTags))
    byPeer.set(peer, {
      service,
      source,
      version,
      weight,
      route,
      method: request.method,
      protocol: request.protocol,
      userAgent,
      json,
    })
    return json
  }
}

/** A text that was put together stays a tree of its parts, to be walked for every span that it goes into. */
function inOnePiece(joined: string): string {
  return Buffer.from(joined).toString()
}

function commonJson(exchange: Exchange, userAgent: string, localEndpoint: string, fixedTags: string): string {
  const { request } = exchange
  const client = exchange.direction === 'outbound'
  const remoteEndpoint = client
    ? endpointJson(exchange.service, exchange.endpointAddress)
    : endpointJson(exchange.source, exchange.peerAddress)
  let json = `,"kind":"${client ? 'CLIENT' : 'SERVER'}","name":${text(nameOf(exchange))},${localEndpoint}`
  if (remoteEndpoint !== '{}') json += `,"remoteEndpoint":${remoteEndpoint}`
  json += `,"tags":{"http.method":${text(request.method)},"http.protocol":"${request.protocol}",${fixedTags}`
  if (userAgent !== '') json += `,"user_agent":${text(userAgent)}`
  return json + routeTags(exchange)
}

/** Of low cardinality: the method and the service called. */
function nameOf(exchange: Exchange): string {
  const method = exchange.request.method.toLowerCase()
  return exchange.direction === 'inbound' || exchange.service === ''
    ? `${method} ${exchange.direction}`
    : `${method} ${exchange.service}`
}

function routeTags(exchange: Exchange): string {
  let tags = ''
  if (exchange.route !== '') tags += `,"route":${text(exchange.route)}`
  if (exchange.direction === 'inbound') return tags
  if (exchange.service !== '') tags += `,"upstream_cluster":${text(exchange.service)}`
  if (exchange.version !== '') tags += `,"upstream.version":${text(exchange.version)}`
  if (exchange.endpointAddress !== '') tags += `,"upstream_address":${text(exchange.endpointAddress)}`
  if (exchange.weight >= 0) tags += `,"weight":"${exchange.weight}"`
  return tags
}

/** `error` stands only when it is one: a server's own failure, or a request that ended without an answer. */
function outcomeTags(exchange: Exchange, outcome: Outcome): string {
  let tags = ''
  if (exchange.intention !== '') tags += `,"intention":${text(exchange.intention)}`
  if (exchange.grpc) tags += grpcTags(exchange.grpcStatus)
  if (exchange.attempts > 1) tags += `,"retries":"${exchange.attempts - 1}"`
  if (outcome.flags !== '') tags += `,"response_flags":"${outcome.flags}"`
  if (outcome.failure !== undefined) tags += `,"error":${text(`${outcome.failure.reason}: ${outcome.failure.detail}`)}`
  else if (isGrpcServerFault(exchange.grpcStatus)) tags += `,"error":"${GRPC_STATUS_NAMES[exchange.grpcStatus]}"`
  else if (outcome.status >= 500) tags += `,"error":"${outcome.status}"`
  return tags
}

function grpcTags(status: number): string {
  return status < 0 ? ',"rpc.system":"grpc"' : `,"rpc.system":"grpc","grpc.status_code":"${status}"`
}

function endpointJson(service: string, address: string): string {
  const parts: string[] = []
  if (service !== '') parts.push(`"serviceName":${text(service)}`)
  const at = address.lastIndexOf(':')
  const host = address.slice(0, at).replace(/^\[|\]$/g, '')
  if (at > 0) {
    if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) parts.push(`"ipv4":"${host}"`)
    else if (host.includes(':')) parts.push(`"ipv6":${text(host)}`)
    const port = Number(address.slice(at + 1))
    if (port > 0) parts.push(`"port":${port}`)
  }
  return `{${parts.join(',')}}`
}

/** A JSON string; plain ASCII, which nearly everything is, needs no escaping and takes the short way. */
function text(value: string): string {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code < 32 || code === 34 || code === 92 || code > 126) return JSON.stringify(value)
  }
  return `"${value}"`
}
