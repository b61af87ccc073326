/** Whether a path needs a login: the longest prefix of either list that fits decides; none fits: no. `path` is normalised. */
export function needsLogin(path: string, protect: readonly string[], open: readonly string[]): boolean {
  return longest(path, protect) > longest(path, open)
}

/** Length of the longest prefix, in whole segments; -1 for none. */
function longest(path: string, prefixes: readonly string[]): number {
  let best = -1
  for (const written of prefixes) {
    const prefix = written.endsWith('/') ? written.slice(0, -1) : written
    const fits = path === prefix || path.startsWith(`${prefix}/`)
    if (fits && prefix.length > best) best = prefix.length
  }
  return best
}
