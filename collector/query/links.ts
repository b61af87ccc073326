import type { Span } from '../../protocol/span.ts'
import type { Link } from './stored.ts'

/** Who called whom, out of whole traces: a span whose parent belongs to another service is a call. Pure. */
export function linksOf(traces: Iterable<readonly Span[]>, fromUs: number, toUs: number): Link[] {
  const links = new Map<string, Link>()
  for (const spans of traces) {
    const serviceById = new Map<string, string>()
    for (const span of spans) if (span.shared !== true) serviceById.set(span.id, span.localEndpoint?.serviceName ?? '')
    for (const span of spans) {
      const atUs = span.timestamp ?? fromUs
      if (atUs < fromUs || atUs > toUs) continue
      // The server's half of a shared span was called by the client's half of the same id.
      const parent = serviceById.get(span.shared === true ? span.id : (span.parentId ?? ''))
      const child = span.localEndpoint?.serviceName ?? ''
      if (!parent || child === '' || parent === child) continue
      const name = `${parent}\n${child}`
      const link = links.get(name) ?? { parent, child, callCount: 0, errorCount: 0 }
      link.callCount++
      if (Object.hasOwn(span.tags ?? {}, 'error')) link.errorCount++
      links.set(name, link)
    }
  }
  return [...links.values()].sort((a, b) => (a.parent + a.child < b.parent + b.child ? -1 : 1))
}
