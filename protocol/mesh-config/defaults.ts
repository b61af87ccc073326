import type { Field } from './fields.ts'

/** Layers of settings: a service over the file's defaults over the schema's. All three are written values, not yet read into numbers. */

type Block = Record<string, unknown>

function isBlock(value: unknown): value is Block {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function blockOf(field: Field): Field {
  return field.anyOf?.find(branch => branch.type === 'object') ?? field
}

/** `over` on top of `under`: blocks field by field, everything else (lists, words such as off, blocks marked whole) as it stands in `over`. */
export function layered(field: Field, under: unknown, over: unknown): unknown {
  if (over === undefined) return under
  const block = blockOf(field)
  if (!isBlock(over) || !isBlock(under) || block.whole === true) return over
  const names = new Set([...Object.keys(under), ...Object.keys(over)])
  return Object.fromEntries(
    [...names].map(name => [name, layered(block.properties?.[name] ?? {}, under[name], over[name])]),
  )
}

/** The value with the schema's defaults wherever nothing is written. A block without a default of its own stays absent. */
export function filled(field: Field, value: unknown): unknown {
  if (value === undefined) return field.default === undefined ? undefined : filled(field, field.default)
  const block = blockOf(field)
  if (Array.isArray(value)) return value.map(item => filled(field.items ?? {}, item))
  if (!isBlock(value)) return value
  if (block.properties === undefined) {
    const entry = Object.values(block.patternProperties ?? {})[0] ?? {}
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, filled(entry, item)]))
  }
  const entries = Object.entries(block.properties).map(([name, inner]) => [name, filled(inner, value[name])] as const)
  return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined))
}
