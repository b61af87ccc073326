import { Buffer } from 'node:buffer'

/** Which section (by the key it is kept under) a proxy sees under which name. */
export type Scope = ReadonlyMap<string, string>

/**
 * The sections in force and who sees which. A section is serialised once for all proxies; a line is built once for all proxies of
 * one scope that stand at the same epoch. Pure: no IO, no clock.
 */
export interface SectionBook {
  readonly epoch: number
  /**
   * Puts new values (undefined: gone) and, when given, new scopes in force. Takes `nextEpoch()` only when something differs, and
   * then gives the scopes that have something new to hear.
   */
  change(
    values: ReadonlyMap<string, unknown>,
    nextEpoch: () => number,
    scopes?: ReadonlyMap<string, Scope>,
  ): ReadonlySet<string>
  /** Raises the epoch and makes every section new, for proxies that have seen a higher epoch than ours. */
  reissue(epoch: number): void
  hasScope(scope: string): boolean
  /** The epoch at which a scope last changed. */
  epochOf(scope: string): number
  /** What a proxy that has all up to epoch `since` must hear (0: everything), or undefined when that is nothing. */
  lineSince(scope: string, since: number): Buffer | undefined
  /** How many sections there are and how long all of them are, serialised. */
  size(): { sections: number; bytes: number }
}

/** Lines kept for the next proxy of the same scope; over this they are built again. */
const LINES_BYTES_MAX = 32 * 1024 * 1024

interface Section {
  version: number
  json: string
}

/** What a scope shows: since when, and under which key; a key of undefined: withdrawn at that epoch. */
type View = Map<string, { key: string | undefined; sinceEpoch: number }>

export function sectionBook(): SectionBook {
  const sections = new Map<string, Section>()
  const views = new Map<string, View>()
  const namesByKey = new Map<string, Array<{ scope: string; name: string }>>()
  const epochs = new Map<string, number>()
  let lines = new Map<string, Buffer | undefined>()
  let linesBytes = 0
  let epoch = 0

  const forgetLines = () => {
    lines = new Map()
    linesBytes = 0
  }

  function place(values: ReadonlyMap<string, unknown>, next: () => number): Set<string> {
    const touched = new Set<string>()
    for (const [key, value] of values) {
      const json = value === undefined ? undefined : JSON.stringify(value)
      if (json === sections.get(key)?.json) continue
      if (json === undefined) sections.delete(key)
      else sections.set(key, { version: next(), json })
      for (const { scope, name } of namesByKey.get(key) ?? []) {
        touched.add(scope)
        views.get(scope)!.set(name, { key, sinceEpoch: next() })
      }
    }
    return touched
  }

  function rescope(scopes: ReadonlyMap<string, Scope>, next: () => number): Set<string> {
    const touched = new Set<string>()
    for (const [scope, names] of scopes) {
      const view = views.get(scope) ?? new Map()
      for (const [name, key] of names) {
        if (view.get(name)?.key === key) continue
        view.set(name, { key, sinceEpoch: next() })
        touched.add(scope)
      }
      for (const [name, seen] of view) {
        if (names.has(name) || seen.key === undefined) continue
        view.set(name, { key: undefined, sinceEpoch: next() })
        touched.add(scope)
      }
      views.set(scope, view)
    }
    for (const scope of views.keys()) {
      if (scopes.has(scope)) continue
      views.delete(scope)
      epochs.delete(scope)
      touched.add(scope)
    }
    namesByKey.clear()
    for (const [scope, names] of scopes)
      for (const [name, key] of names) {
        const users = namesByKey.get(key)
        if (users) users.push({ scope, name })
        else namesByKey.set(key, [{ scope, name }])
      }
    return touched
  }

  function buildLine(scope: string, since: number): Buffer | undefined {
    const parts: string[] = []
    for (const [name, { key, sinceEpoch }] of views.get(scope) ?? []) {
      if (sinceEpoch <= since) continue
      const section = key === undefined ? undefined : sections.get(key)
      if (section) parts.push(`${JSON.stringify(name)}:{"version":${section.version},"value":${section.json}}`)
      else if (since > 0) parts.push(`${JSON.stringify(name)}:null`)
    }
    if (parts.length === 0 && since > 0) return undefined
    return Buffer.from(`{"epoch":${epoch},"sections":{${parts.join(',')}}}\n`)
  }

  return {
    get epoch() {
      return epoch
    },
    change(values, nextEpoch, scopes) {
      let taken: number | undefined
      const next = () => {
        taken ??= nextEpoch()
        return taken
      }
      const touched = scopes ? rescope(scopes, next) : new Set<string>()
      for (const scope of place(values, next)) touched.add(scope)
      if (taken === undefined) return touched
      epoch = taken
      forgetLines()
      for (const scope of touched) if (views.has(scope)) epochs.set(scope, epoch)
      return touched
    },
    reissue(higher) {
      epoch = higher
      forgetLines()
      for (const section of sections.values()) section.version = higher
      for (const [scope, view] of views) {
        epochs.set(scope, higher)
        for (const seen of view.values()) seen.sinceEpoch = higher
      }
    },
    hasScope: scope => views.has(scope),
    epochOf: scope => epochs.get(scope) ?? 0,
    lineSince(scope, since) {
      if (since >= epoch) return undefined
      const cached = `${since} ${scope}`
      if (lines.has(cached)) return lines.get(cached)
      const line = buildLine(scope, since)
      linesBytes += line?.length ?? 0
      if (linesBytes > LINES_BYTES_MAX) forgetLines()
      lines.set(cached, line)
      return line
    },
    size() {
      let bytes = 0
      for (const { json } of sections.values()) bytes += json.length
      return { sections: sections.size, bytes }
    },
  }
}
