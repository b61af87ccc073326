// Hot path: the size of a head as SETTINGS_MAX_HEADER_LIST_SIZE counts it (RFC 9113, 6.5.2): names, values, and 32 for each field.
import type { Fields } from '../exchange.ts'
import type { RequestToSend } from './heads.ts'
import { ENTRY_OVERHEAD_BYTES } from './hpack/static-table.ts'

/** `:method`, `:scheme`, `:path`, `:authority`, and what each of them counts beside. */
const REQUEST_NAMES_BYTES = 29 + 4 * ENTRY_OVERHEAD_BYTES
/** `:status` with its three digits. */
const STATUS_BYTES = 10 + ENTRY_OVERHEAD_BYTES

export function fieldsListBytes(fields: Readonly<Fields>): number {
  let bytes = (fields.length / 2) * ENTRY_OVERHEAD_BYTES
  for (const text of fields) bytes += text.length
  return bytes
}

export function requestListBytes({ method, scheme, path, authority, fields }: RequestToSend): number {
  return REQUEST_NAMES_BYTES + method.length + scheme.length + path.length + authority.length + fieldsListBytes(fields)
}

export function responseListBytes(fields: Readonly<Fields>): number {
  return STATUS_BYTES + fieldsListBytes(fields)
}
