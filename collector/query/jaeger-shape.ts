import type { Span } from '../../protocol/span.ts'

/** A trace as Jaeger's query API tells it (model/json of Jaeger 1 and 2). Times in microseconds. */
export interface JaegerTrace {
  traceID: string
  spans: JaegerSpan[]
  processes: Record<string, { serviceName: string; tags: JaegerTag[] }>
  warnings: null
}

interface JaegerSpan {
  traceID: string
  spanID: string
  operationName: string
  references: { refType: 'CHILD_OF'; traceID: string; spanID: string }[]
  flags: number
  startTime: number
  duration: number
  tags: JaegerTag[]
  logs: { timestamp: number; fields: JaegerTag[] }[]
  processID: string
  warnings: string[] | null
}

type JaegerTag =
  | { key: string; type: 'string'; value: string }
  | { key: string; type: 'int64'; value: number }
  | { key: string; type: 'bool'; value: boolean }

export function jaegerTrace(spans: readonly Span[]): JaegerTrace {
  const traceID = spans.reduce((longest, { traceId }) => (traceId.length > longest.length ? traceId : longest), '')
  const processIds = new Map<string, string>()
  const processes: JaegerTrace['processes'] = {}
  const processOf = (span: Span): string => {
    const { serviceName = 'unknown', ipv4, ipv6 } = span.localEndpoint ?? {}
    const version = span.tags?.['service.version'] ?? ''
    const name = `${serviceName}\n${ipv4 ?? ipv6 ?? ''}\n${version}`
    const known = processIds.get(name)
    if (known !== undefined) return known
    const id = `p${processIds.size + 1}`
    processIds.set(name, id)
    processes[id] = {
      serviceName,
      tags: [...text('ip', ipv4 ?? ipv6), ...text('service.version', version || undefined)],
    }
    return id
  }
  return { traceID, spans: spans.map(span => jaegerSpan(span, traceID, processOf(span))), processes, warnings: null }
}

function jaegerSpan(span: Span, traceID: string, processID: string): JaegerSpan {
  // A shared server span has its client's id: as its own span it is the child of that.
  const parentId = span.shared === true ? span.id : span.parentId
  const spanID = span.shared === true ? sharedId(span.id) : span.id
  return {
    traceID,
    spanID,
    operationName: span.name ?? 'unknown',
    references: parentId === undefined ? [] : [{ refType: 'CHILD_OF', traceID, spanID: parentId }],
    flags: span.debug === true ? 3 : 1,
    startTime: span.timestamp ?? 0,
    duration: span.duration ?? 0,
    tags: tagsOf(span),
    logs: (span.annotations ?? []).map(({ timestamp, value }) => ({
      timestamp,
      fields: [{ key: 'event', type: 'string', value }],
    })),
    processID,
    warnings: span.timestamp === undefined ? ['the span tells no start'] : null,
  }
}

/** Another id, the same for the same span: the first bit turned. */
function sharedId(id: string): string {
  return (Number.parseInt(id[0]!, 16) ^ 8).toString(16) + id.slice(1)
}

function tagsOf(span: Span): JaegerTag[] {
  const tags: JaegerTag[] = []
  if (span.kind !== undefined) tags.push({ key: 'span.kind', type: 'string', value: span.kind.toLowerCase() })
  for (const [key, value] of Object.entries(span.tags ?? {})) {
    if (key === 'error') tags.push({ key, type: 'bool', value: true }, ...text('error.message', value))
    else if (key === 'http.status_code' && /^\d{3}$/.test(value))
      tags.push({ key, type: 'int64', value: Number(value) })
    else tags.push({ key, type: 'string', value })
  }
  const { serviceName, ipv4, ipv6, port } = span.remoteEndpoint ?? {}
  tags.push(...text('peer.service', serviceName), ...text('peer.ipv4', ipv4), ...text('peer.ipv6', ipv6))
  if (port !== undefined) tags.push({ key: 'peer.port', type: 'int64', value: port })
  return tags
}

function text(key: string, value: string | undefined): JaegerTag[] {
  return value === undefined ? [] : [{ key, type: 'string', value }]
}
