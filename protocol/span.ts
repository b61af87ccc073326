// Hot path: `readSpan` and `writeSpan` run once per span.

import Type, { type Static } from 'typebox'

/**
 * Span: Zipkin v2 (https://zipkin.io/zipkin-api/zipkin2-api.yaml), in the one form that everything behind the receiver relies on:
 * ids in lower case and padded, times whole microseconds, absent fields absent rather than null, empty or zero.
 */

export const SpanKind = Type.Union([
  Type.Literal('CLIENT'),
  Type.Literal('SERVER'),
  Type.Literal('PRODUCER'),
  Type.Literal('CONSUMER'),
])
export type SpanKind = Static<typeof SpanKind>

export const SpanEndpoint = Type.Object({
  serviceName: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  ipv4: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  ipv6: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
})
export type SpanEndpoint = Static<typeof SpanEndpoint>

export const SpanAnnotation = Type.Object({
  timestamp: Type.Integer({ minimum: 1 }),
  value: Type.String({ maxLength: 65_536 }),
})
export type SpanAnnotation = Static<typeof SpanAnnotation>

export const Span = Type.Object({
  /** 16 or 32 hex digits; 16 when the upper half is zero. */
  traceId: Type.String({ pattern: '^([0-9a-f]{16}){1,2}$' }),
  parentId: Type.Optional(Type.String({ pattern: '^[0-9a-f]{16}$' })),
  id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  kind: Type.Optional(SpanKind),
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 2048 })),
  /** Microseconds since 1970. */
  timestamp: Type.Optional(Type.Integer({ minimum: 1 })),
  /** Microseconds. */
  duration: Type.Optional(Type.Integer({ minimum: 1 })),
  localEndpoint: Type.Optional(SpanEndpoint),
  remoteEndpoint: Type.Optional(SpanEndpoint),
  annotations: Type.Optional(Type.Array(SpanAnnotation, { maxItems: 1024 })),
  tags: Type.Optional(Type.Record(Type.String({ maxLength: 512 }), Type.String({ maxLength: 65_536 }))),
  debug: Type.Optional(Type.Literal(true)),
  /** The server's half of a span whose id it shares with the client. */
  shared: Type.Optional(Type.Literal(true)),
})
export type Span = Static<typeof Span>

/** A span in its written form may be this long. */
export const SPAN_CHARS_MAX = 256 * 1024

const TAGS_MAX = 512
const ANNOTATIONS_MAX = 1024
const NAME_CHARS_MAX = 2048
const SERVICE_CHARS_MAX = 256
const ADDRESS_CHARS_MAX = 64
const KEY_CHARS_MAX = 512
const VALUE_CHARS_MAX = 65_536

export type SpanRead = { status: 'ok'; span: Span } | { status: 'invalid'; reason: string }

/** What is wrong with a span. Thrown inside the reader only, so that the good way through it carries no checks of results. */
class BadField extends Error {}

/**
 * Reads one span out of parsed JSON, tolerant where no meaning is at stake: ids of either case and any length up to the full one,
 * null for absent, times as text or with a fraction, tags that are numbers or booleans. Anything else wrong refuses this span alone,
 * with the path of the field. Never throws. The span may share its tags and annotations with `value`.
 */
export function readSpan(value: unknown): SpanRead {
  try {
    return { status: 'ok', span: spanOf(value) }
  } catch (error) {
    if (!(error instanceof BadField)) throw error
    return { status: 'invalid', reason: error.message }
  }
}

/** The span's JSON text. Half surrogate pairs, which UTF-8 cannot say, become U+FFFD. */
export function writeSpan(span: Span): string {
  const text = JSON.stringify(span)
  return text.includes('\\ud') ? JSON.stringify(span, wellFormed) : text
}

function spanOf(value: unknown): Span {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BadField('/ must be an object')
  const given = value as Record<string, unknown>
  const traceId = traceIdOf(given['traceId'])
  const id = idOf('/id', given['id'])
  if (id === undefined) throw new BadField('/id must not be absent or zero')
  const span: Span = { traceId, id }
  const parentId = idOf('/parentId', given['parentId'])
  // A span that is its own parent would hang any walk up the tree; Zipkin, too, leaves such a parent out.
  if (parentId !== undefined && parentId !== id) span.parentId = parentId
  const kind = kindOf(given['kind'])
  if (kind) span.kind = kind
  const name = textOf('/name', given['name'], NAME_CHARS_MAX)
  if (name) span.name = name
  const timestamp = microsOf('/timestamp', given['timestamp'])
  if (timestamp) span.timestamp = timestamp
  const duration = microsOf('/duration', given['duration'])
  if (duration) span.duration = duration
  const local = endpointOf('/localEndpoint', given['localEndpoint'])
  if (local) span.localEndpoint = local
  const remote = endpointOf('/remoteEndpoint', given['remoteEndpoint'])
  if (remote) span.remoteEndpoint = remote
  const annotations = annotationsOf(given['annotations'])
  if (annotations) span.annotations = annotations
  const tags = tagsOf(given['tags'])
  if (tags) span.tags = tags
  if (flagOf('/debug', given['debug'])) span.debug = true
  if (flagOf('/shared', given['shared'])) span.shared = true
  return span
}

const HEX = /^[0-9a-f]+$/
const ZEROS = '0'.repeat(32)

function hexOf(path: string, value: unknown, charsMax: number): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') throw new BadField(`${path} must be a text of hex digits`)
  if (value.length > charsMax) throw new BadField(`${path} has ${value.length} digits, ${charsMax} allowed`)
  const hex = HEX.test(value) ? value : value.toLowerCase()
  if (!HEX.test(hex)) throw new BadField(`${path} must consist of hex digits`)
  return ZEROS.startsWith(hex) ? undefined : hex
}

function idOf(path: string, value: unknown): string | undefined {
  const hex = hexOf(path, value, 16)
  return hex === undefined || hex.length === 16 ? hex : hex.padStart(16, '0')
}

function traceIdOf(value: unknown): string {
  const hex = hexOf('/traceId', value, 32)
  if (hex === undefined) throw new BadField('/traceId must not be absent or zero')
  return normalTraceId(hex)
}

/** Pads to 16 or 32 digits; an upper half of zeros is dropped, so that one trace has one id. Expects 1-32 lower-case hex digits. */
export function normalTraceId(hex: string): string {
  if (hex.length <= 16) return hex.padStart(16, '0')
  const full = hex.padStart(32, '0')
  return full.startsWith('0000000000000000') ? full.slice(16) : full
}

function kindOf(value: unknown): SpanKind | undefined {
  switch (value) {
    case undefined:
    case null:
    case '':
      return undefined
    case 'CLIENT':
    case 'SERVER':
    case 'PRODUCER':
    case 'CONSUMER':
      return value
    default:
      throw new BadField('/kind must be CLIENT, SERVER, PRODUCER or CONSUMER')
  }
}

function textOf(path: string, value: unknown, charsMax: number): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') throw new BadField(`${path} must be a text`)
  if (value.length > charsMax) throw new BadField(`${path} has ${value.length} characters, ${charsMax} allowed`)
  return value
}

function microsOf(path: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined
  const micros = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  if (typeof micros !== 'number' || !(micros >= 0 && micros <= Number.MAX_SAFE_INTEGER))
    throw new BadField(`${path} must be microseconds from 0 to 2^53`)
  return Math.trunc(micros)
}

function flagOf(path: string, value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false
  if (value !== true) throw new BadField(`${path} must be true or false`)
  return true
}

function endpointOf(path: string, value: unknown): SpanEndpoint | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object' || Array.isArray(value)) throw new BadField(`${path} must be an object`)
  const given = value as Record<string, unknown>
  const endpoint: SpanEndpoint = {}
  const serviceName = textOf(`${path}/serviceName`, given['serviceName'], SERVICE_CHARS_MAX)
  if (serviceName) endpoint.serviceName = serviceName
  const ipv4 = textOf(`${path}/ipv4`, given['ipv4'], ADDRESS_CHARS_MAX)
  if (ipv4) endpoint.ipv4 = ipv4
  const ipv6 = textOf(`${path}/ipv6`, given['ipv6'], ADDRESS_CHARS_MAX)
  if (ipv6) endpoint.ipv6 = ipv6
  const port = microsOf(`${path}/port`, given['port'])
  if (port !== undefined && port > 65_535) throw new BadField(`${path}/port must be a port`)
  if (port) endpoint.port = port
  return serviceName || ipv4 || ipv6 || port ? endpoint : undefined
}

function annotationsOf(value: unknown): SpanAnnotation[] | undefined {
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value)) throw new BadField('/annotations must be an array')
  if (value.length > ANNOTATIONS_MAX)
    throw new BadField(`/annotations has ${value.length} items, ${ANNOTATIONS_MAX} allowed`)
  if (value.length === 0) return undefined
  return value.map((item: unknown, index) => {
    const given = (item ?? {}) as Record<string, unknown>
    const timestamp = microsOf(`/annotations/${index}/timestamp`, given['timestamp'])
    if (!timestamp) throw new BadField(`/annotations/${index}/timestamp must not be absent or zero`)
    const text = textOf(`/annotations/${index}/value`, given['value'], VALUE_CHARS_MAX)
    return { timestamp, value: text ?? '' }
  })
}

function tagsOf(value: unknown): Record<string, string> | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object' || Array.isArray(value)) throw new BadField('/tags must be an object')
  const tags = value as Record<string, unknown>
  let count = 0
  let allText = true
  for (const key in tags) {
    count += 1
    if (key.length > KEY_CHARS_MAX)
      throw new BadField(`/tags has a key of ${key.length} characters, ${KEY_CHARS_MAX} allowed`)
    const tag = tags[key]
    if (typeof tag !== 'string') allText = false
    else if (tag.length > VALUE_CHARS_MAX)
      throw new BadField(`/tags/${key} has ${tag.length} characters, ${VALUE_CHARS_MAX} allowed`)
  }
  if (count > TAGS_MAX) throw new BadField(`/tags has ${count} tags, ${TAGS_MAX} allowed`)
  if (count === 0) return undefined
  return allText ? (tags as Record<string, string>) : tagsAsText(tags)
}

function tagsAsText(tags: Record<string, unknown>): Record<string, string> | undefined {
  const texts: [string, string][] = []
  for (const [key, tag] of Object.entries(tags)) {
    if (typeof tag === 'object' && tag !== null) throw new BadField(`/tags/${key} must be a text`)
    if (tag !== null && tag !== undefined) texts.push([key, String(tag)])
  }
  return texts.length === 0 ? undefined : Object.fromEntries(texts)
}

function wellFormed(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toWellFormed(), inner]))
}
