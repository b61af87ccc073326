import { isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap, type YAMLSeq } from 'yaml'
import type { Field } from './fields.ts'
import { kindOf } from './kinds.ts'
import { either, formatPath, nearest, type Path, type Problem, shorten } from './problem.ts'
import { type Complaint, refuseScalar } from './scalar.ts'
import type { Place, Source } from './source.ts'
import { allowedWords, foundWords } from './words.ts'

/**
 * Holds YAML nodes against the schema and collects every problem. The value that comes back is whole only when there was no problem;
 * otherwise parts that did not fit are missing, so that checks across fields can still say what they see.
 */

const visitsMax = 300_000
export const problemsMax = 100

export type Checked = { value: unknown; problems: Problem[]; places: Places }

/** Where each field stands, for problems found later. */
type Places = { of(path: Path): Place; has(path: Path): boolean }

type Checking = { source: Source; problems: Problem[]; places: Map<string, Place>; visits: number }

export function check(field: Field, source: Source): Checked {
  const places = new Map<string, Place>([['', source.placeOf(source.root)]])
  const checking: Checking = { source, problems: [], places, visits: 0 }
  const value = checkNode(checking, field, source.root, [])
  return {
    value,
    problems: checking.problems,
    places: { of: path => placeOf(places, path), has: path => places.has(keyOf(path)) },
  }
}

/** The place of the field, or of the nearest thing around it that is written. */
function placeOf(places: ReadonlyMap<string, Place>, path: Path): Place {
  for (let length = path.length; length > 0; length--) {
    const place = places.get(keyOf(path.slice(0, length)))
    if (place !== undefined) return place
  }
  return places.get('') ?? { line: 1, column: 1 }
}

const keyOf = (path: Path) => path.join('\u0000')

function complain(checking: Checking, path: Path, { found, allowed, message }: Complaint, at?: Node | null): undefined {
  if (checking.problems.length > problemsMax) return undefined
  const place = at === undefined ? placeOf(checking.places, path) : checking.source.placeOf(at)
  checking.problems.push({
    file: checking.source.file,
    ...place,
    field: formatPath(path),
    found,
    allowed,
    message: message ?? `found ${found}, allowed: ${allowed}`,
  })
  return undefined
}

/** `whole` is the field whose words an error gives: the field itself, or the one that it is a branch of. */
function checkNode(checking: Checking, field: Field, written: Node | null, path: Path, whole = field): unknown {
  if (++checking.visits > visitsMax) {
    if (checking.visits > visitsMax + 1) return undefined
    return complain(checking, path, { found: 'more', allowed: `at most ${visitsMax} values, aliases spelled out` })
  }
  const node = written === null ? null : checking.source.resolve(written)
  if (field.anyOf !== undefined) return checkNode(checking, branchFor(field.anyOf, node), node, path, field)
  if (field.type === 'object') {
    if (isMap(node)) return checkMap(checking, field, node, path)
    if (isNothing(node)) return checkMap(checking, field, null, path)
  } else if (field.type === 'array') {
    if (isSeq(node)) return checkList(checking, field, node, path)
  } else if (isScalar(node)) {
    const complaint = refuseScalar(field, node, whole)
    return complaint === undefined ? node.value : complain(checking, path, complaint)
  }
  return complain(checking, path, { found: foundWords(node), allowed: allowedWords(whole) })
}

function isNothing(node: Node | null): boolean {
  return node === null || (isScalar(node) && (node.value === null || node.value === undefined))
}

/** Of a word-or-block field: the block for blocks and nothing, the word for all else. */
function branchFor(branches: readonly Field[], node: Node | null): Field {
  const block = isMap(node) || isNothing(node)
  return branches.find(branch => (branch.type === 'object') === block) ?? {}
}

function checkList(checking: Checking, field: Field, node: YAMLSeq, path: Path): unknown[] {
  const { items = {}, minItems = 0, maxItems = 0 } = field
  const found = `${node.items.length} entries`
  if (node.items.length > maxItems) complain(checking, path, { found, allowed: `at most ${maxItems}` }, node)
  if (node.items.length < minItems) complain(checking, path, { found, allowed: `at least ${minItems}` }, node)
  return node.items.slice(0, maxItems).map((item, index) => {
    const here = [...path, index]
    checking.places.set(keyOf(here), checking.source.placeOf(item as Node | null))
    return checkNode(checking, items, item as Node | null, here)
  })
}

/** A block of known fields, or a map of free names; `node` null is an empty one. */
function checkMap(checking: Checking, field: Field, node: YAMLMap | null, path: Path): Record<string, unknown> {
  const entries: [string, unknown][] = []
  const seen = new Set<string>()
  const pairs = (node?.items ?? []) as Pair<Node, Node | null>[]
  if (pairs.length > (field.maxProperties ?? 1000)) {
    complain(checking, path, { found: `${pairs.length} entries`, allowed: `at most ${field.maxProperties ?? 1000}` })
    return {}
  }
  const meant = new Set<string>()
  for (const { key, value } of pairs) {
    const name = nameOf(key)
    if (name === undefined) {
      complain(checking, path, { found: foundWords(key), allowed: 'a name before the colon' }, key)
      continue
    }
    const here = [...path, name]
    checking.places.set(keyOf(here), placeOfEntry(checking, key, value))
    const identity = field.keysIgnoreCase === true ? name.toLowerCase() : name
    if (seen.has(identity)) {
      complain(checking, here, { found: name, allowed: 'each name once', message: 'it stands here twice' }, key)
      continue
    }
    seen.add(identity)
    const known = entryField(checking, field, here, name, key, meant)
    if (known !== undefined) entries.push([name, checkNode(checking, known, value, here)])
  }
  checkPresence(checking, field, path, seen, meant)
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
}

/** A scalar's place is its own; a block's is that of its name, since it may start lines below. */
function placeOfEntry(checking: Checking, key: Node, value: Node | null): Place {
  return checking.source.placeOf(isScalar(value) && !isNothing(value) ? value : key)
}

/** Keys are taken as written: the version `1.0` is not the number 1. */
function nameOf(key: Node | null): string | undefined {
  if (!isScalar(key) || key.value === null) return undefined
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
}

/** The schema of one entry; complains when the name is not known or not allowed. */
function entryField(
  checking: Checking,
  field: Field,
  here: Path,
  name: string,
  key: Node,
  meant: Set<string>,
): Field | undefined {
  if (field.properties !== undefined) {
    const known = Object.hasOwn(field.properties, name) ? field.properties[name] : undefined
    if (known === undefined) complainUnknown(checking, Object.keys(field.properties), here, name, key, meant)
    return known
  }
  const kind = kindOf(field.keys ?? 'text')
  const fits = name.length <= kind.lengthMax && new RegExp(kind.pattern ?? '').test(name)
  if (!fits) complain(checking, here, { found: JSON.stringify(shorten(name)), allowed: kind.words }, key)
  return Object.values(field.patternProperties ?? {})[0]
}

function complainUnknown(
  checking: Checking,
  known: string[],
  here: Path,
  name: string,
  key: Node,
  meant: Set<string>,
): void {
  const suggestion = nearest(name, known)
  if (suggestion !== undefined) meant.add(suggestion)
  const hint = suggestion === undefined ? '' : ` Did you mean ${suggestion}?`
  const merge = name === '<<' ? ' Merge keys are not supported: what services share goes under defaults.' : ''
  const message = `there is no such field.${merge}${hint} Allowed: ${either(known)}`
  complain(checking, here, { found: shorten(name), allowed: either(known), message }, key)
}

/** Required fields, and fields of which only so many may stand. A field that was only misspelt is not missing as well. */
function checkPresence(checking: Checking, field: Field, path: Path, seen: Set<string>, meant: Set<string>): void {
  const { required = [], properties = {}, atMostOneOf = [], atLeastOneOf = [] } = field
  for (const name of required) {
    if (seen.has(name) || meant.has(name)) continue
    const allowed = allowedWords(properties[name] ?? {})
    complain(checking, [...path, name], { found: '', allowed, message: `it is missing; allowed: ${allowed}` })
  }
  const both = atMostOneOf.filter(name => seen.has(name))
  if (both.length > 1) complain(checking, path, { found: both.join(' and '), allowed: `one of ${either(atMostOneOf)}` })
  if (atLeastOneOf.length > 0 && !atLeastOneOf.some(name => seen.has(name) || meant.has(name)))
    complain(checking, path, { found: 'none of its fields', allowed: `at least one of ${either(atLeastOneOf)}` })
}
