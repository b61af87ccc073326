// Hot path: most paths need no change and are returned as they are.

/**
 * Normalises the path of a target before anything matches it (RFC 3986, 6.2.2): what needs no escape is unescaped (`/%61dmin` is `/admin`),
 * other escapes are written in capitals, dot segments are resolved, slashes in a row become one. Applications read all of these writings as
 * the same path, so must we, or a rule that closes /admin would leave another door to it open. Escaped slashes stay escaped and match
 * literally. The query is left alone. Never climbs above the root.
 */
export function normalizePath(target: string): string {
  const queryAt = target.indexOf('?')
  const raw = queryAt < 0 ? target : target.slice(0, queryAt)
  const path = raw.includes('%') ? raw.replace(/%(?:[0-9a-f]{2})?/gi, plainest) : raw
  if (path === raw && !path.includes('//') && !path.includes('/.')) return target
  return resolveSegments(path) + (queryAt < 0 ? '' : target.slice(queryAt))
}

/**
 * An escape in the one way that is left: unescaped where RFC 3986, 2.3 calls the character unreserved, else in capitals. A sign without its
 * two digits is escaped itself: together with what stands behind it once that is unescaped, it would become an escape.
 */
function plainest(written: string): string {
  if (written === '%') return '%25'
  const char = String.fromCharCode(Number.parseInt(written.slice(1), 16))
  return /[A-Za-z0-9._~-]/.test(char) ? char : written.toUpperCase()
}

function resolveSegments(path: string): string {
  if (!path.includes('//') && !path.includes('/.')) return path
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
