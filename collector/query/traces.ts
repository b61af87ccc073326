import type { Span } from '../../protocol/span.ts'
import { type Criteria, spanFits } from './criteria.ts'
import { linksOf } from './links.ts'
import { type RecentTraces, sameTrace } from './recent.ts'
import type { Found, Link, StoredTraces } from './stored.ts'

/** All that is known of traces: what ClickHouse has and what is newer. While ClickHouse is away the recent window answers alone. */
export interface Traces {
  byId(traceId: string): Promise<Span[]>
  byIds(traceIds: readonly string[]): Promise<Span[][]>
  search(criteria: Criteria): Promise<Span[][]>
  services(): Promise<string[]>
  remoteServices(service: string): Promise<string[]>
  operations(service: string): Promise<{ name: string; kind: string }[]>
  links(fromUs: number, toUs: number): Promise<Link[]>
}

export function allTraces(recent: RecentTraces, stored: StoredTraces | undefined): Traces {
  const storedOr = async <T>(ask: (stored: StoredTraces) => Promise<Found<T>>, otherwise: T): Promise<T> => {
    const found = stored === undefined ? undefined : await ask(stored)
    return found?.status === 'ok' ? found.found : otherwise
  }
  const byIds = async (traceIds: readonly string[]): Promise<Span[][]> => {
    if (traceIds.length === 0) return []
    const old = await storedOr<Span[]>(from => from.spansOf(traceIds), [])
    return traceIds
      .map(id => ordered([...old.filter(span => sameTrace(span.traceId, id)), ...recent.byId(id)]))
      .filter(spans => spans.length > 0)
  }
  const recentNames = (nameOf: (span: Span) => string | undefined): Set<string> => {
    const names = new Set<string>()
    for (const spans of recent.all())
      for (const span of spans) {
        const name = nameOf(span)
        if (name !== undefined) names.add(name)
      }
    return names
  }
  return {
    byIds,
    byId: async traceId => (await byIds([traceId]))[0] ?? [],
    async search(criteria) {
      const latest = new Map<string, number>()
      for (const { traceId, lastUs } of await storedOr(from => from.search(criteria), [])) latest.set(traceId, lastUs)
      for (const spans of recent.all()) {
        if (!spans.some(span => spanFits(span, criteria))) continue
        const { traceId } = spans[0]!
        latest.set(traceId, Math.max(latest.get(traceId) ?? 0, ...spans.map(({ timestamp }) => timestamp ?? 0)))
      }
      const newest = [...latest].sort(([, a], [, b]) => b - a).slice(0, criteria.limit)
      return byIds(newest.map(([traceId]) => traceId))
    },
    async services() {
      const names = recentNames(span => span.localEndpoint?.serviceName)
      for (const name of await storedOr(from => from.services(), [])) names.add(name)
      return [...names].sort()
    },
    async remoteServices(service) {
      const names = recentNames(span =>
        span.localEndpoint?.serviceName === service ? span.remoteEndpoint?.serviceName : undefined,
      )
      for (const name of await storedOr(from => from.remoteServices(service), [])) names.add(name)
      return [...names].sort()
    },
    async operations(service) {
      const seen = new Map<string, { name: string; kind: string }>()
      const add = (name: string | undefined, kind: string) =>
        name !== undefined && seen.set(`${kind} ${name}`, { name, kind })
      for (const { name, kind } of await storedOr(from => from.operations(service), [])) add(name, kind)
      for (const spans of recent.all())
        for (const span of spans) if (span.localEndpoint?.serviceName === service) add(span.name, span.kind ?? '')
      return [...seen.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    },
    links: (fromUs, toUs) => storedOr(from => from.links(fromUs, toUs), linksOf(recent.all(), fromUs, toUs)),
  }
}

/** Each span once, by start; at-least-once delivery and the overlap of window and storage bring some twice. */
function ordered(spans: readonly Span[]): Span[] {
  const once = new Map<string, Span>()
  for (const span of spans)
    once.set(`${span.id} ${span.kind ?? ''} ${span.shared ?? ''} ${span.localEndpoint?.serviceName ?? ''}`, span)
  return [...once.values()].sort((a, b) => (a.timestamp ?? 0) - (b.timestamp ?? 0))
}
