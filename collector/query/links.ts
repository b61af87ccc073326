import type { Span } from '../../protocol/span.ts'
import type { Link } from './stored.ts'

/** The two spans that one id may stand for, when client and server share it. */
interface Halves {
  client: Span | undefined
  server: Span | undefined
}

/**
 * Who called whom, out of whole traces. A span whose parent belongs to another service is a call; what lies below a shared span lies
 * below its server's half; a client's span that nobody goes on with is a call to the other side that it names. Pure.
 */
export function linksOf(traces: Iterable<readonly Span[]>, fromUs: number, toUs: number): Link[] {
  const links = new Map<string, Link>()
  for (const spans of traces) addLinks(links, spans, fromUs, toUs)
  return [...links.values()].sort((a, b) => (a.parent + a.child < b.parent + b.child ? -1 : 1))
}

function addLinks(links: Map<string, Link>, spans: readonly Span[], fromUs: number, toUs: number): void {
  const byId = halvesById(spans)
  const continued = new Set<string>()
  for (const span of spans) {
    // The server's half lies below the client's, which has the same id; every other span below its parent.
    const isHalf = span.shared === true && byId.get(span.id)?.client !== undefined
    const aboveId = isHalf ? span.id : (span.parentId ?? '')
    continued.add(aboveId)
    if (!isWithin(span, fromUs, toUs)) continue
    const above = byId.get(aboveId)
    const parent = isHalf ? above?.client : (above?.server ?? above?.client)
    addLink(links, parent?.localEndpoint?.serviceName, span.localEndpoint?.serviceName, span)
  }
  for (const span of spans)
    if (span.kind === 'CLIENT' && !continued.has(span.id) && isWithin(span, fromUs, toUs))
      addLink(links, span.localEndpoint?.serviceName, span.remoteEndpoint?.serviceName, span)
}

function isWithin({ timestamp }: Span, fromUs: number, toUs: number): boolean {
  return timestamp === undefined || (timestamp >= fromUs && timestamp <= toUs)
}

function halvesById(spans: readonly Span[]): Map<string, Halves> {
  const byId = new Map<string, Halves>()
  for (const span of spans) {
    const halves = byId.get(span.id) ?? { client: undefined, server: undefined }
    halves[span.shared === true ? 'server' : 'client'] = span
    byId.set(span.id, halves)
  }
  return byId
}

function addLink(links: Map<string, Link>, parent: string | undefined, child: string | undefined, span: Span): void {
  if (parent === undefined || child === undefined || parent === child) return
  const name = `${parent}\n${child}`
  const link = links.get(name) ?? { parent, child, callCount: 0, errorCount: 0 }
  link.callCount++
  if (Object.hasOwn(span.tags ?? {}, 'error')) link.errorCount++
  links.set(name, link)
}
