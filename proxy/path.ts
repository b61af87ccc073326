// Hot path: most paths need no change and are returned as they are.

/**
 * Normalises the path of a target before anything matches it (RFC 3986, 6.2.2.3): dot segments are resolved, slashes in a row become one.
 * A dot segment may be written with escaped dots (`%2e%2e`): applications read it as one (WHATWG URL), so must we, or a route that stands
 * for /public would let them climb out of it. Escaped slashes stay escaped and match literally. The query is left alone. Never climbs
 * above the root.
 */
export function normalizePath(target: string): string {
  const queryAt = target.indexOf('?')
  const path = queryAt < 0 ? target : target.slice(0, queryAt)
  if (!path.includes('//') && !path.includes('/.') && !path.includes('/%2')) return target
  return resolveSegments(path) + (queryAt < 0 ? '' : target.slice(queryAt))
}

function resolveSegments(path: string): string {
  const out: string[] = []
  const segments = path.split('/')
  const last = segments[segments.length - 1]!
  for (const segment of segments) {
    const dots = dotsOf(segment)
    if (dots === 2) out.pop()
    else if (segment !== '' && dots === 0) out.push(segment)
  }
  const endsOpen = last === '' || dotsOf(last) > 0
  return out.length === 0 ? '/' : `/${out.join('/')}${endsOpen ? '/' : ''}`
}

/** 1 and 2 for the dot segments `.` and `..`, each dot plain or escaped; 0 for any other segment. */
function dotsOf(segment: string): number {
  if (segment.length > 6) return 0
  const plain = segment.includes('%') ? segment.replace(/%2e/gi, '.') : segment
  return plain === '.' ? 1 : plain === '..' ? 2 : 0
}

/** The part of a target before its query. */
export function pathOf(target: string): string {
  const queryAt = target.indexOf('?')
  return queryAt < 0 ? target : target.slice(0, queryAt)
}
