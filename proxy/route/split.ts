// Hot path: one draw per request.

/** Versions with their shares; compiled once per policy. */
export interface Split {
  names: readonly string[]
  weights: readonly number[]
  total: number
}

export function compileSplit(versions: Readonly<Record<string, { weight: number }>>): Split {
  const entries = Object.entries(versions).filter(([, version]) => version.weight > 0)
  return {
    names: entries.map(([name]) => name),
    weights: entries.map(([, version]) => version.weight),
    total: entries.reduce((sum, [, version]) => sum + version.weight, 0),
  }
}

/** Picks a version by weight; `draw` is in [0, 1). Undefined when every weight is 0. */
export function pickByWeight(split: Split, draw: number): string | undefined {
  if (split.names.length <= 1) return split.names[0]
  let left = draw * split.total
  for (let i = 0; i < split.names.length; i++) {
    left -= split.weights[i]!
    if (left < 0) return split.names[i]
  }
  return split.names[split.names.length - 1]
}

/**
 * Picks the version of a key so that it stays with it, and a changed weight moves only as many keys as it must: weighted rendezvous
 * hashing (Schindelhauer and Schomaker, SPAA 2005). A ramp from 0 up only ever adds keys to the growing version.
 */
export function pickSticky(split: Split, key: string): string | undefined {
  let best: string | undefined
  let bestScore = Number.NEGATIVE_INFINITY
  for (let i = 0; i < split.names.length; i++) {
    const name = split.names[i]!
    const score = split.weights[i]! / -Math.log(uniformHash(`${name}\u0000${key}`))
    if (score > bestScore) {
      best = name
      bestScore = score
    }
  }
  return best
}

/** A hash in (0, 1): FNV-1a with murmur3's finalizer, so that neighbouring keys land far apart. */
function uniformHash(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  hash ^= hash >>> 16
  return ((hash >>> 0) + 0.5) / 4_294_967_296
}

/** The key of a request by a header or a cookie, '' when it has none. */
export function stickyKeyOf(fields: readonly string[], stickiness: { header?: string; cookie?: string }): string {
  for (let i = 0; i < fields.length; i += 2) {
    if (stickiness.header !== undefined && fields[i] === stickiness.header) return fields[i + 1]!
    if (stickiness.cookie !== undefined && fields[i] === 'cookie') {
      const value = cookieOf(fields[i + 1]!, stickiness.cookie)
      if (value !== '') return value
    }
  }
  return ''
}

function cookieOf(header: string, name: string): string {
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return ''
}
