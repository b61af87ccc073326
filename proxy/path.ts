// Hot path: most paths need no change and are returned as they are.

/**
 * Normalises the path of a target before anything matches it (RFC 3986, 6.2.2.3): dot segments are resolved, slashes in a row become one.
 * Escaped slashes and dots stay escaped and match literally. The query is left alone. Never climbs above the root.
 */
export function normalizePath(target: string): string {
  const queryAt = target.indexOf('?')
  const path = queryAt < 0 ? target : target.slice(0, queryAt)
  if (!path.includes('//') && !path.includes('/.')) return target
  return resolveSegments(path) + (queryAt < 0 ? '' : target.slice(queryAt))
}

function resolveSegments(path: string): string {
  const out: string[] = []
  const segments = path.split('/')
  const last = segments[segments.length - 1]!
  for (const segment of segments) {
    if (segment === '..') out.pop()
    else if (segment !== '' && segment !== '.') out.push(segment)
  }
  const endsOpen = last === '' || last === '.' || last === '..'
  return out.length === 0 ? '/' : `/${out.join('/')}${endsOpen ? '/' : ''}`
}

/** The part of a target before its query. */
export function pathOf(target: string): string {
  const queryAt = target.indexOf('?')
  return queryAt < 0 ? target : target.slice(0, queryAt)
}
