// Hot path: finding an entry costs the same for ten entries and for ten thousand.

/** Something that stands for requests of a path, or below a path, in an order with others. */
export interface PathEntry<Asked> {
  order: number
  /** At most one of the two; neither: tried for every path. */
  path: string | undefined
  pathPrefix: string | undefined
  /** What else has to hold; undefined: nothing. */
  condition: ((asked: Asked, path: string) => boolean) | undefined
}

/** The first entry in order that fits. `path` is normalised and without query. */
export type PathTable<Asked, Entry extends PathEntry<Asked>> = (asked: Asked, path: string) => Entry | undefined

/**
 * Compiles entries into a table. Exact paths and prefixes are found by hash, one look-up per distinct prefix length; only entries without
 * either are tried one by one. The order still decides: of all candidates the earliest that fits wins. Conditions of later entries may be
 * asked, too.
 */
export function pathTable<Asked, Entry extends PathEntry<Asked>>(entries: readonly Entry[]): PathTable<Asked, Entry> {
  if (entries.length === 0) return () => undefined
  const exact = new Map<string, Entry[]>()
  const prefixes = new Map<string, Entry[]>()
  const rest: Entry[] = []
  for (const entry of entries) {
    if (entry.path !== undefined) append(exact, entry.path, entry)
    else if (entry.pathPrefix !== undefined) append(prefixes, withoutFinalSlash(entry.pathPrefix), entry)
    else rest.push(entry)
  }
  const lengths = [...new Set([...prefixes.keys()].map(prefix => prefix.length))].sort((a, b) => a - b)
  return (asked, path) => {
    let best = firstMatch(exact.get(path), asked, path, undefined)
    for (const length of lengths) {
      if (length > path.length) break
      if (!endsSegment(path, length)) continue
      best = firstMatch(prefixes.get(path.slice(0, length)), asked, path, best)
    }
    return firstMatch(rest, asked, path, best)
  }
}

/** A prefix ends where a segment ends: /api matches /api and /api/x, not /apiary. */
function endsSegment(path: string, length: number): boolean {
  return length === path.length || path.charCodeAt(length) === 47 /* / */
}

function withoutFinalSlash(prefix: string): string {
  return prefix.endsWith('/') ? prefix.slice(0, -1) : prefix
}

function firstMatch<Asked, Entry extends PathEntry<Asked>>(
  entries: readonly Entry[] | undefined,
  asked: Asked,
  path: string,
  best: Entry | undefined,
): Entry | undefined {
  if (entries === undefined) return best
  for (const entry of entries) {
    if (best !== undefined && entry.order > best.order) return best
    if (entry.condition === undefined || entry.condition(asked, path)) return entry
  }
  return best
}

function append<Entry>(map: Map<string, Entry[]>, key: string, entry: Entry): void {
  const entries = map.get(key)
  if (entries === undefined) map.set(key, [entry])
  else entries.push(entry)
}
