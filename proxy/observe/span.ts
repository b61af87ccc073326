// Hot path: a span is written by hand, once, when its request is over (measured: a fifth of an OpenTelemetry span's cost).
import type { Exchange, Outcome } from '../exchange.ts'
import { fieldOf } from '../exchange.ts'
import { GRPC_STATUS_NAMES, isGrpcServerFault } from '../grpc.ts'
import { pathOf } from '../path.ts'
import type { SpanBatch } from './span-batch.ts'

/** Who writes the spans: its parts are the same in every span and are written once. */
export interface SpanWriter {
  /** Adds the exchange's span to the batch, in Zipkin's v2 JSON. */
  write(exchange: Exchange, outcome: Outcome, batch: SpanBatch): void
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
  const fixedTags = `"component":"proxy","node_id":${JSON.stringify(identity.instance)},"service.version":${JSON.stringify(identity.serviceVersion)}`
  const commonOf = commonParts(localEndpoint, fixedTags)
  return {
    write(exchange, outcome, batch) {
      batch.begin()
      batch.ascii('{"traceId":"')
      batch.ascii(exchange.traceId)
      batch.ascii('","id":"')
      batch.ascii(exchange.spanId)
      if (exchange.parentSpanId !== '') {
        batch.ascii('","parentId":"')
        batch.ascii(exchange.parentSpanId)
      }
      batch.ascii('"')
      if (exchange.parentSpanId !== '' && exchange.direction === 'inbound' && identity.sharedSpanContext)
        batch.ascii(',"shared":true')
      if (exchange.debug) batch.ascii(',"debug":true')
      batch.ascii(',"timestamp":')
      batch.integer(Math.round(exchange.startedWallUs))
      batch.ascii(',"duration":')
      batch.integer(Math.max(1, Math.round(outcome.durationMs * 1000)))
      batch.encoded(commonOf(exchange))
      batch.ascii(',"http.path":')
      batch.text(pathOf(exchange.request.target).slice(0, PATH_MAX))
      batch.ascii(',"http.status_code":"')
      batch.integer(outcome.status)
      batch.ascii('","guid:x-request-id":')
      batch.text(exchange.requestId)
      batch.ascii(',"request_size":"')
      batch.integer(outcome.requestBytes)
      batch.ascii('","response_size":"')
      batch.integer(outcome.responseBytes)
      batch.ascii('"')
      const more = outcomeTags(exchange, outcome)
      if (more !== '') batch.json(more)
      batch.ascii('}}')
      batch.end()
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
  json: Buffer
}

/**
 * The part of a span that is the same in most spans of one peer, kept as it was last written: from its kind to the first of its tags.
 * Forgotten all at once when there are too many peers.
 */
function commonParts(localEndpoint: string, fixedTags: string): (exchange: Exchange) => Buffer {
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
    const json = Buffer.from(commonJson(exchange, userAgent, localEndpoint, fixedTags))
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

function commonJson(exchange: Exchange, userAgent: string, localEndpoint: string, fixedTags: string): string {
  const { request } = exchange
  const client = exchange.direction === 'outbound'
  const remoteEndpoint = client
    ? endpointJson(exchange.service, exchange.endpointAddress)
    : endpointJson(exchange.source, exchange.peerAddress)
  let json = `,"kind":"${client ? 'CLIENT' : 'SERVER'}","name":${JSON.stringify(nameOf(exchange))},${localEndpoint}`
  if (remoteEndpoint !== '{}') json += `,"remoteEndpoint":${remoteEndpoint}`
  json += `,"tags":{"http.method":${JSON.stringify(request.method)},"http.protocol":"${request.protocol}",${fixedTags}`
  if (userAgent !== '') json += `,"user_agent":${JSON.stringify(userAgent)}`
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
  if (exchange.route !== '') tags += `,"route":${JSON.stringify(exchange.route)}`
  if (exchange.direction === 'inbound') return tags
  if (exchange.service !== '') tags += `,"upstream_cluster":${JSON.stringify(exchange.service)}`
  if (exchange.version !== '') tags += `,"upstream.version":${JSON.stringify(exchange.version)}`
  if (exchange.endpointAddress !== '') tags += `,"upstream_address":${JSON.stringify(exchange.endpointAddress)}`
  if (exchange.weight >= 0) tags += `,"weight":"${exchange.weight}"`
  return tags
}

/** `error` stands only when it is one: a server's own failure, or a request that ended without an answer. */
function outcomeTags(exchange: Exchange, outcome: Outcome): string {
  let tags = ''
  if (exchange.intention !== '') tags += `,"intention":${JSON.stringify(exchange.intention)}`
  if (exchange.grpc) tags += grpcTags(exchange.grpcStatus)
  if (exchange.attempts > 1) tags += `,"retries":"${exchange.attempts - 1}"`
  if (outcome.flags !== '') tags += `,"response_flags":"${outcome.flags}"`
  if (outcome.failure !== undefined)
    tags += `,"error":${JSON.stringify(`${outcome.failure.reason}: ${outcome.failure.detail}`)}`
  else if (isGrpcServerFault(exchange.grpcStatus)) tags += `,"error":"${GRPC_STATUS_NAMES[exchange.grpcStatus]}"`
  else if (outcome.status >= 500) tags += `,"error":"${outcome.status}"`
  return tags
}

function grpcTags(status: number): string {
  return status < 0 ? ',"rpc.system":"grpc"' : `,"rpc.system":"grpc","grpc.status_code":"${status}"`
}

function endpointJson(service: string, address: string): string {
  const parts: string[] = []
  if (service !== '') parts.push(`"serviceName":${JSON.stringify(service)}`)
  const at = address.lastIndexOf(':')
  const host = address.slice(0, at).replace(/^\[|\]$/g, '')
  if (at > 0) {
    if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) parts.push(`"ipv4":"${host}"`)
    else if (host.includes(':')) parts.push(`"ipv6":${JSON.stringify(host)}`)
    const port = Number(address.slice(at + 1))
    if (port > 0) parts.push(`"port":${port}`)
  }
  return `{${parts.join(',')}}`
}
