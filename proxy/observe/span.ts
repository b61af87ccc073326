// Hot path: a span is written by hand as JSON, once, when its request is over (measured: a third of an OpenTelemetry span's cost).
import type { Exchange, Outcome } from '../exchange.ts'
import { fieldOf } from '../exchange.ts'
import { pathOf } from '../path.ts'

/** Who writes the spans: its parts are the same in every span and are encoded once. */
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
const REMOTES_MAX = 2000

export function spanWriter(identity: SpanIdentity): SpanWriter {
  const localEndpoint = `"localEndpoint":${endpointJson(identity.service, identity.address)}`
  const fixedTags = `"component":"proxy","node_id":${text(identity.instance)},"service.version":${text(identity.serviceVersion)}`
  const remoteJson = remoteEndpoints()
  return {
    write(exchange, outcome) {
      const { request } = exchange
      const client = exchange.direction === 'outbound'
      const shared = exchange.direction === 'inbound' && identity.sharedSpanContext && exchange.parentSpanId !== ''
      let span = `{"traceId":"${exchange.traceId}","id":"${exchange.spanId}"`
      if (exchange.parentSpanId !== '') span += `,"parentId":"${exchange.parentSpanId}"`
      if (shared) span += ',"shared":true'
      if (exchange.debug) span += ',"debug":true'
      span += `,"kind":"${client ? 'CLIENT' : 'SERVER'}","name":${text(nameOf(exchange))}`
      span += `,"timestamp":${Math.round(exchange.startedWallUs)},"duration":${Math.max(1, Math.round(outcome.durationMs * 1000))},${localEndpoint}`
      span += client
        ? remoteJson(exchange.service, exchange.endpointAddress)
        : remoteJson(exchange.source, exchange.peerAddress)
      span += `,"tags":{"http.method":${text(request.method)},"http.path":${text(pathOf(request.target).slice(0, PATH_MAX))}`
      span += `,"http.status_code":"${outcome.status}","http.protocol":"${request.protocol}","guid:x-request-id":${text(exchange.requestId)}`
      span += `,"request_size":"${outcome.requestBytes}","response_size":"${outcome.responseBytes}",${fixedTags}`
      return `${span}${routeTags(exchange)}${outcomeTags(exchange, outcome)}}}`
    },
  }
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
  const userAgent = fieldOf(exchange.request.fields, 'user-agent')
  if (userAgent !== undefined) tags += `,"user_agent":${text(userAgent.slice(0, USER_AGENT_MAX))}`
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
  if (exchange.attempts > 1) tags += `,"retries":"${exchange.attempts - 1}"`
  if (outcome.flags !== '') tags += `,"response_flags":"${outcome.flags}"`
  if (outcome.failure !== undefined) tags += `,"error":${text(`${outcome.failure.reason}: ${outcome.failure.detail}`)}`
  else if (outcome.status >= 500) tags += `,"error":"${outcome.status}"`
  return tags
}

/** Endpoints as JSON, made once per peer: the same few come back in every span. Forgotten all at once when there are too many. */
function remoteEndpoints(): (service: string, address: string) => string {
  const byAddress = new Map<string, { service: string; json: string }>()
  return (service, address) => {
    const known = byAddress.get(address)
    if (known !== undefined && known.service === service) return known.json
    if (byAddress.size >= REMOTES_MAX) byAddress.clear()
    const json = service === '' && address === '' ? '' : `,"remoteEndpoint":${endpointJson(service, address)}`
    byAddress.set(address, { service, json })
    return json
  }
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
