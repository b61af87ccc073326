// Hot path: finding a route costs the same for ten routes and for ten thousand.
import type { Route } from '../../protocol/snapshot.ts'
import type { RequestHead } from '../exchange.ts'
import { type Condition, compileConditions } from './match.ts'

/** Finds the first route, in the order written, that a request matches. `path` is normalised and without query. */
export type RouteTable = (request: RequestHead, path: string) => Route | undefined

interface Entry {
  order: number
  route: Route
  condition: Condition | undefined
}

/**
 * Compiles routes into a table. Exact paths and prefixes are found by hash, one look-up per distinct prefix length; only routes
 * without either are tried one by one. The order written still decides: of all candidates the earliest that matches wins.
 */
export function compileRoutes(routes: readonly Route[]): RouteTable {
  if (routes.length === 0) return () => undefined
  const exact = new Map<string, Entry[]>()
  const prefixes = new Map<string, Entry[]>()
  const rest: Entry[] = []
  routes.forEach((route, order) => {
    const entry = { order, route, condition: compileConditions(route.match) }
    if (route.match.path !== undefined) append(exact, route.match.path, entry)
    else if (route.match.pathPrefix !== undefined) append(prefixes, withoutFinalSlash(route.match.pathPrefix), entry)
    else rest.push(entry)
  })
  const lengths = [...new Set([...prefixes.keys()].map(prefix => prefix.length))].sort((a, b) => a - b)
  return (request, path) => {
    let best = firstMatch(exact.get(path), request, path, undefined)
    for (const length of lengths) {
      if (length > path.length) break
      if (!endsSegment(path, length)) continue
      best = firstMatch(prefixes.get(path.slice(0, length)), request, path, best)
    }
    return firstMatch(rest, request, path, best)?.route
  }
}

/** A prefix ends where a segment ends: /api matches /api and /api/x, not /apiary. */
function endsSegment(path: string, length: number): boolean {
  return length === path.length || path.charCodeAt(length) === 47 /* / */
}

function withoutFinalSlash(prefix: string): string {
  return prefix.endsWith('/') ? prefix.slice(0, -1) : prefix
}

function firstMatch(
  entries: readonly Entry[] | undefined,
  request: RequestHead,
  path: string,
  best: Entry | undefined,
): Entry | undefined {
  if (entries === undefined) return best
  for (const entry of entries) {
    if (best !== undefined && entry.order > best.order) return best
    if (entry.condition === undefined || entry.condition(request, path)) return entry
  }
  return best
}

function append(map: Map<string, Entry[]>, key: string, entry: Entry): void {
  const entries = map.get(key)
  if (entries === undefined) map.set(key, [entry])
  else entries.push(entry)
}
