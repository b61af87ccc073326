import type { Intention } from '../intentions.ts'

/**
 * Envoy's policies have no order, and each says for itself whom it is about. So callers are parted into groups none of whom any rule tells
 * from another: those that fit the same sources of rules. Sources overlap (a service, an id, a pattern of ids, everybody), hence the groups
 * are found by trying: ids are made up so that each group has one, and each id is tried against all sources.
 */
export interface CallerGroup {
  /** All of the first and none of the second: regexes on the SPIFFE id. As few as tell the group from the others. */
  fits: readonly string[]
  fitsNot: readonly string[]
  speaksOf(rule: Intention): boolean
}

/** Stands for any name that no rule has: no name may hold it. */
const OTHER = '~'

/** In the order in which the rules name their callers; whoever no rule speaks of is in none. */
export function callerGroups(rules: readonly Intention[], trustDomain: string): CallerGroup[] {
  const sources = sourcesOf(rules, trustDomain)
  const regexes = [...new Set(sources.values())]
  const compiled = regexes.map(regex => new RegExp(regex))
  const groups = new Map<string, { fits: boolean[] }>()
  for (const id of tellingIds(rules, trustDomain)) {
    const fits = compiled.map(regex => regex.test(id))
    groups.set(fits.map(Number).join(''), { fits })
  }
  const all = [...groups.values()].map(({ fits }) => fits)
  return all
    .map(fits => ({
      ...telling(fits, all, regexes),
      speaksOf: speaker(new Set(regexes.filter((_, n) => fits[n])), sources),
    }))
    .filter(group => rules.some(rule => group.speaksOf(rule)))
    .sort((a, b) => firstOf(a, rules) - firstOf(b, rules))
}

const MEMBER = 'member'

/** The regex of each source of a rule: of a service, of a SPIFFE id or pattern of ids, and of whoever is of the mesh. */
function sourcesOf(rules: readonly Intention[], trustDomain: string): Map<string, string> {
  const sources = new Map<string, string>()
  for (const { source } of rules) {
    for (const name of source.services ?? []) sources.set(`service ${name}`, memberRegex(trustDomain, quoted(name)))
    if (source.spiffe !== undefined) sources.set(source.spiffe, idRegex(source.spiffe))
    if (source.any) sources.set(MEMBER, memberRegex(trustDomain, '[^/]+'))
  }
  return sources
}

/** The dc does not stand in a rule: an id fits when it names this service of this trust domain in any of them. */
function memberRegex(trustDomain: string, name: string): string {
  return `^spiffe://${quoted(trustDomain)}/ns/default/dc/[^/]+/svc/${name}$`
}

function idRegex(spiffe: string): string {
  return spiffe.endsWith('*') ? `^${quoted(spiffe.slice(0, -1))}.*$` : `^${quoted(spiffe)}$`
}

const quoted = (text: string): string => text.replace(/[.+*?^${}()|[\]\\]/g, '\\$&')

function speaker(fitting: ReadonlySet<string>, sources: ReadonlyMap<string, string>): CallerGroup['speaksOf'] {
  const fits = (source: string) => fitting.has(sources.get(source) ?? '')
  // Rules for everybody let in only who is of the mesh, and turn away whoever it is.
  return ({ source, action }) =>
    source.any
      ? action === 'deny' || fits(MEMBER)
      : (source.services ?? []).some(name => fits(`service ${name}`)) ||
        (source.spiffe !== undefined && fits(source.spiffe))
}

/** Ids of which every group has one: '' is nobody's. */
function tellingIds(rules: readonly Intention[], trustDomain: string): string[] {
  const spiffes = rules.flatMap(({ source }) => source.spiffe ?? [])
  const examples = spiffes.map(spiffe => spiffe.replace(/\*$/, OTHER))
  const member = new RegExp(`^spiffe://${quoted(trustDomain)}/ns/default/dc/([^/]+)(?:/svc/([^/]+))?`)
  const parts = examples.map(id => member.exec(id) ?? [])
  const dcs = new Set([OTHER, ...parts.flatMap(([, dc]) => dc ?? [])])
  const named = rules.flatMap(({ source }) => source.services ?? [])
  const names = new Set([...named, ...parts.flatMap(([, , name]) => name ?? []), OTHER])
  const members = [...dcs].flatMap(dc =>
    [...names].map(name => `spiffe://${trustDomain}/ns/default/dc/${dc}/svc/${name}`),
  )
  return [...members, ...examples, '']
}

/** Drops each condition without which no other group would fit, those on what it is not first. */
function telling(
  own: readonly boolean[],
  all: readonly (readonly boolean[])[],
  regexes: readonly string[],
): Pick<CallerGroup, 'fits' | 'fitsNot'> {
  const kept = new Set(regexes.keys())
  /** Of each other group, how many of the conditions kept it fails. */
  const others = all.filter(group => group !== own).map(group => ({ group, failed: differences(own, group) }))
  const drop = (at: number) => {
    if (others.some(({ group, failed }) => failed === 1 && group[at] !== own[at])) return
    kept.delete(at)
    for (const other of others) if (other.group[at] !== own[at]) other.failed--
  }
  const order = [...regexes.keys()].sort((a, b) => Number(own[a]) - Number(own[b]) || b - a)
  for (const at of order) drop(at)
  const chosen = [...kept].sort((a, b) => a - b)
  return {
    fits: chosen.filter(at => own[at]).map(at => regexes[at]!),
    fitsNot: chosen.filter(at => !own[at]).map(at => regexes[at]!),
  }
}

function differences(a: readonly boolean[], b: readonly boolean[]): number {
  return a.reduce((sum, fits, at) => sum + (fits === b[at] ? 0 : 1), 0)
}

function firstOf(group: CallerGroup, rules: readonly Intention[]): number {
  return rules.findIndex(rule => group.speaksOf(rule))
}
