import type { Node } from 'yaml'
import type { Field } from './fields.ts'
import { kindOf } from './kinds.ts'
import { allowedWords, foundWords } from './words.ts'

/** What is wrong with a value, without its place. `message` stands in for the usual "found ..., allowed: ...". */
export type Complaint = { found: string; allowed: string; message?: string }

type WrittenScalar = Node & { value: unknown; source?: string | undefined }

/** Why one scalar does not fit its field, or undefined. `whole` is the field whose words the complaint gives. */
export function refuseScalar(field: Field, node: WrittenScalar, whole: Field): Complaint | undefined {
  const { value } = node
  if (field.type === 'string' && field.enum === undefined) return refuseString(field, node, whole)
  const complaint = { found: foundWords(node), allowed: allowedWords(whole) }
  if (field.enum !== undefined) return field.enum.includes(value) ? undefined : complaint
  if (field.type === 'boolean') return typeof value === 'boolean' ? undefined : complaint
  const fits = typeof value === 'number' && value >= (field.minimum ?? 0) && value <= (field.maximum ?? 0)
  return fits && (field.type === 'number' || Number.isInteger(value)) ? undefined : complaint
}

function refuseString(field: Field, node: WrittenScalar, whole: Field): Complaint | undefined {
  const found = foundWords(node)
  const allowed = allowedWords(whole)
  if (typeof node.value !== 'string') {
    const quoted = node.source ?? ''
    const hint = node.value !== null && refuseText(field, quoted) === undefined ? `; in quotes: "${quoted}"` : ''
    return { found, allowed: allowed + hint }
  }
  const refusal = refuseText(field, node.value)
  if (refusal === undefined) return undefined
  const because = refusal === '' ? '' : ` (${refusal})`
  return { found, allowed, message: `found ${found}${because}, allowed: ${allowed}` }
}

/** Why a text does not fit its kind and bounds: '' when its look says it all; undefined when it fits. */
function refuseText(field: Field, text: string): string | undefined {
  if (field.kind === undefined) return ''
  const kind = kindOf(field.kind)
  if (text.length === 0) return 'it is empty'
  const refusal = kind.refuse
  if (field.kind !== 'regex' && text.length > kind.lengthMax) return `it has ${text.length} characters`
  if (kind.pattern !== undefined && !new RegExp(kind.pattern).test(text)) return ''
  return refusal?.(text) ?? refuseBounds(field, text)
}

function refuseBounds(field: Field, text: string): string | undefined {
  const { measure } = kindOf(field.kind ?? 'text')
  const value = measure?.(text)
  if (measure === undefined || value === undefined) return undefined
  const { least, most, above, below } = field
  if (least !== undefined && value < (measure(least) ?? 0)) return 'it is too little'
  if (most !== undefined && value > (measure(most) ?? 0)) return 'it is too much'
  if (above !== undefined && value <= (measure(above) ?? 0)) return 'it is too little'
  if (below !== undefined && value >= (measure(below) ?? 0)) return 'it is too much'
  return undefined
}
