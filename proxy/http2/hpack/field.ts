// Hot path: what a field means is found out once, when it is decoded; a field that comes back by its index is the same object.
import { AUTHORITY, TARGET, TOKEN_LOWER } from '../../http1/chars.ts'
import { isAuthority } from '../../http1/target.ts'
import { ENTRY_OVERHEAD_BYTES } from './static-table.ts'

/** What a field is to the reader of a head. */
export type FieldKind = number

export const PLAIN = 0
export const METHOD = 1
export const SCHEME = 2
export const AUTHORITY_KIND = 3
export const PATH = 4
export const PROTOCOL = 5
export const STATUS = 6
/** The kinds up to here are pseudo-header fields. */
export const PSEUDO_TO = 6
export const CONTENT_LENGTH = 7
export const HOST = 8
export const TE = 9
export const EXPECT = 10
export const COOKIE = 11
/** May not stand in any HTTP/2 message: the message is malformed (RFC 9113, 8.1.1). */
export const REFUSED = 12

export interface Field {
  readonly name: string
  readonly value: string
  readonly kind: FieldKind
  /** Of a REFUSED one: why, for people. Holds nothing of the field. Else ''. */
  readonly fault: string
  /** What the name alone says; -1 where the name is the fault. Spares the look at a name that is known from the table. */
  readonly nameKind: FieldKind
  /** The name holds an underscore. */
  readonly underscore: boolean
  /** As tables and header lists count it: name, value and 32. */
  readonly bytes: number
}

const NAME_KINDS = new Map<string, FieldKind>([
  [':method', METHOD],
  [':scheme', SCHEME],
  [':authority', AUTHORITY_KIND],
  [':path', PATH],
  [':protocol', PROTOCOL],
  [':status', STATUS],
  ['content-length', CONTENT_LENGTH],
  ['host', HOST],
  ['te', TE],
  ['expect', EXPECT],
  ['cookie', COOKIE],
  ['connection', REFUSED],
  ['keep-alive', REFUSED],
  ['proxy-connection', REFUSED],
  ['transfer-encoding', REFUSED],
  ['upgrade', REFUSED],
])

const CONTENT_LENGTH_DIGITS_MAX = 16
const BAD_NAME = -1

/** A field with a name not seen before. */
export function newField(name: string, value: string): Field {
  return fieldNamed(name, nameKindOf(name), name.includes('_'), value)
}

/** A field whose name is that of `like`. */
export function fieldLike(like: Field, value: string): Field {
  return fieldNamed(like.name, like.nameKind, like.underscore, value)
}

function fieldNamed(name: string, nameKind: FieldKind, underscore: boolean, value: string): Field {
  const fault = faultOf(nameKind, value)
  return {
    name,
    value,
    kind: fault === '' ? nameKind : REFUSED,
    fault,
    nameKind,
    underscore,
    bytes: name.length + value.length + ENTRY_OVERHEAD_BYTES,
  }
}

function nameKindOf(name: string): FieldKind {
  const known = NAME_KINDS.get(name)
  if (known !== undefined) return known
  if (name === '') return BAD_NAME
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    // Upper case has another code in this table, and so have a colon and all that is no token: 0.
    if (TOKEN_LOWER[code] !== code) return BAD_NAME
  }
  return PLAIN
}

/** RFC 9113, 8.2.1 and 8.2.2; of pseudo-header fields 8.3. '' when nothing is wrong. */
function faultOf(nameKind: FieldKind, value: string): string {
  if (nameKind === BAD_NAME)
    return 'a field name that is not lower case, not a token, or an unknown pseudo-header field'
  if (nameKind === REFUSED) return 'a field that means one connection of HTTP/1.1'
  if (!isFieldValue(value)) return 'a field value with a control character, or a blank at its begin or end'
  switch (nameKind) {
    case METHOD:
      return value !== '' && isAll(value, TOKEN_LOWER) ? '' : ':method is not a token'
    case SCHEME:
      return /^[a-z][a-z0-9+.-]*$/.test(value) ? '' : ':scheme is not a scheme'
    case AUTHORITY_KIND:
      return value !== '' && isAll(value, AUTHORITY) && isAuthority(value) ? '' : ':authority is not a host with a port'
    case PATH:
      return isPath(value) ? '' : ':path is empty, does not begin with a slash, or holds what no path may hold'
    case PROTOCOL:
      return value !== '' && isAll(value, TOKEN_LOWER) ? '' : ':protocol is not a token'
    case STATUS:
      return /^[1-9][0-9][0-9]$/.test(value) ? '' : ':status is not a number of three digits'
    case CONTENT_LENGTH:
      return isLength(value) ? '' : 'content-length is not a plain decimal number'
    case TE:
      return value === 'trailers' ? '' : 'te is other than `trailers`'
    case HOST:
      return isAuthority(value) ? '' : 'host is not a host with a port'
    default:
      return ''
  }
}

/** As in HTTP/1.1 no control characters but HTAB: a field that passes here may leave by the other wire. */
function isFieldValue(value: string): boolean {
  const length = value.length
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i)
    if (code < 0x20 ? code !== 0x09 : code === 0x7f) return false
  }
  return length === 0 || (!isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(length - 1)))
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function isAll(value: string, table: Uint8Array): boolean {
  for (let i = 0; i < value.length; i++) if (table[value.charCodeAt(i)] === 0) return false
  return true
}

function isPath(value: string): boolean {
  return value === '*' || (value.charCodeAt(0) === 0x2f && isAll(value, TARGET))
}

function isLength(value: string): boolean {
  if (value.length === 0 || value.length > CONTENT_LENGTH_DIGITS_MAX) return false
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code < 0x30 || code > 0x39) return false
  }
  return Number(value) <= Number.MAX_SAFE_INTEGER
}
