import { isMap, isScalar, isSeq, type Node } from 'yaml'
import type { Field } from './fields.ts'
import { kindOf } from './kinds.ts'
import { either, shorten } from './problem.ts'

/** The words of an error: what stands there, and what may. */

/** `"abc"`, `10 (a number)`, `nothing`, `a list`, `a block`; long texts are cut. */
export function foundWords(node: Node | null): string {
  if (isMap(node)) return 'a block of fields'
  if (isSeq(node)) return 'a list'
  if (!isScalar(node) || node.value === null || node.value === undefined) return 'nothing'
  if (typeof node.value === 'string') return JSON.stringify(shorten(node.value))
  return `${shorten(String(node.source ?? node.value))} (${typeof node.value === 'boolean' ? 'true or false' : 'a number'})`
}

/** What a field takes: `a share such as 99.9%, from 0% to 100%`, `strict, permissive or off`. */
export function allowedWords(field: Field): string {
  if (field.anyOf !== undefined)
    return either(field.anyOf.flatMap(branch => branch.enum?.map(String) ?? allowedWords(branch)))
  if (field.enum !== undefined) return either(field.enum.map(String))
  if (field.kind !== undefined) return kindOf(field.kind).words + boundWords(field)
  if (field.type === 'integer' || field.type === 'number')
    return `${field.type === 'integer' ? 'a whole number' : 'a number'} from ${field.minimum} to ${field.maximum}`
  if (field.type === 'boolean') return 'true or false'
  if (field.type === 'array') return 'a list'
  return 'a block of fields'
}

/** `, at least 1m, at most 90d`, `, above 0% and below 100%`; empty without bounds. */
export function boundWords(bounds: Field): string {
  const { least, most, above, below } = bounds
  const parts = [
    above === undefined ? '' : `above ${above}`,
    least === undefined ? '' : `at least ${least}`,
    below === undefined ? '' : `below ${below}`,
    most === undefined ? '' : `at most ${most}`,
  ].filter(part => part !== '')
  return parts.length === 0 ? '' : `, ${parts.join(' and ')}`
}
