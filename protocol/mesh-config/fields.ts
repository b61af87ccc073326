import Type, { type TProperties, type TSchema } from 'typebox'
import { type KindName, stringOf } from './kinds.ts'

/**
 * How the schema of mesh.yaml is written: typebox nodes that also carry what JSON Schema has no word for. From these come the checks
 * and their messages (check.ts), the defaults (defaults.ts), the reference page and the editor schema (scripts/reference.ts).
 */

/** What every field says of itself. `default` is written as a person would write it. */
export type Notes = { description: string; default?: unknown; example?: string }

/** Bounds of a quantity, written in its unit. */
export type Bounds = { least?: string; most?: string; above?: string; below?: string }

/** A schema node as the generic code reads it: the part of JSON Schema that is used here, and our own words. */
export type Field = {
  type?: string
  enum?: readonly unknown[]
  anyOf?: readonly Field[]
  properties?: Record<string, Field>
  required?: readonly string[]
  patternProperties?: Record<string, Field>
  items?: Field
  minItems?: number
  maxItems?: number
  maxProperties?: number
  minimum?: number
  maximum?: number
  description?: string
  default?: unknown
  example?: string
  kind?: KindName
  /** The kind of a map's keys, and whether they are compared without regard to case. */
  keys?: KindName
  keysIgnoreCase?: boolean
  /** Of these fields, so many may or must stand. */
  atMostOneOf?: readonly string[]
  atLeastOneOf?: readonly string[]
  /** Taken whole from the upper layer, never merged field by field with the one below. */
  whole?: boolean
} & Bounds

export const text = (kind: KindName, notes: Notes & Bounds) => Type.String({ ...stringOf(kind), kind, ...notes })
export const duration = (notes: Notes & Bounds) => text('duration', notes)
export const share = (notes: Notes & Bounds) => text('share', notes)
export const word = <W extends string[]>(words: readonly [...W], notes: Notes) => Type.Enum(words, notes)
export const flag = (notes: Notes) => Type.Boolean(notes)
export const count = (minimum: number, maximum: number, notes: Notes) => Type.Integer({ minimum, maximum, ...notes })
export const weight = (notes: Notes) => Type.Number({ minimum: 0, maximum: 1_000_000, ...notes })

export const list = <S extends TSchema>(items: S, maxItems: number, notes: Notes & { minItems?: number }) =>
  Type.Array(items, { maxItems, ...notes })

type Rules = { atMostOneOf?: string[]; atLeastOneOf?: string[]; whole?: boolean }

/** An object of known fields; anything else in it is an error. */
export const block = <P extends TProperties>(properties: P, notes: Notes & Rules) =>
  Type.Object(properties, { additionalProperties: false, ...notes })

type MapRules = { keysIgnoreCase?: boolean }

/** An object whose keys are free names of one kind. */
export const named = <S extends TSchema>(keys: KindName, values: S, maxProperties: number, notes: Notes & MapRules) =>
  Type.Record(Type.String({ pattern: stringOf(keys).pattern ?? '^.+$' }), values, {
    additionalProperties: false,
    maxProperties,
    keys,
    ...notes,
  })

/** A block, or one of some words that stand for it. */
export const wordOr = <W extends string[], S extends TSchema>(words: readonly [...W], other: S, notes: Notes) =>
  Type.Union([Type.Enum(words), other], notes)

/** A text, or a block that says more than the text can. */
export const textOr = <S extends TSchema>(kind: KindName, other: S, notes: Notes) =>
  Type.Union([Type.String({ ...stringOf(kind), kind }), other], notes)
