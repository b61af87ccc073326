// Hot path: heads become header blocks, pseudo-header fields first (RFC 9113, 8.3).
import type { Fields } from '../exchange.ts'
import type { RequestToSend } from './heads.ts'
import type { HpackEncoder } from './hpack/encoder.ts'

/**
 * Each leaves its block in the encoder, to be copied at once. All throw when a field was not checked when it was made (see BlockWriter);
 * nothing is to be sent then, and the encoder goes on as if nothing had been.
 */

export function encodeRequest(encoder: HpackEncoder, head: RequestToSend): void {
  encoder.begin()
  try {
    encoder.field(':method', head.method, false)
    if (head.method !== 'CONNECT' || head.protocol !== '') {
      encoder.field(':scheme', head.scheme, false)
      encoder.field(':path', head.path, false)
    }
    if (head.protocol !== '') encoder.field(':protocol', head.protocol, false)
    if (head.authority !== '') encoder.field(':authority', head.authority, false)
    const { fields, neverIndexed } = head
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]!
      // :authority says it.
      if (name !== 'host') encoder.field(name, fields[i + 1]!, neverIndexed?.includes(name) ?? false)
    }
  } catch (error) {
    encoder.abandon()
    throw error
  }
}

export function encodeResponse(
  encoder: HpackEncoder,
  statusCode: number,
  fields: Readonly<Fields>,
  neverIndexed: readonly string[] | null,
): void {
  encoder.begin()
  try {
    encoder.field(':status', STATUS_TEXTS[statusCode] ?? String(statusCode), false)
    encoder.fields(fields, neverIndexed)
  } catch (error) {
    encoder.abandon()
    throw error
  }
}

export function encodeTrailers(encoder: HpackEncoder, fields: Readonly<Fields>): void {
  encoder.begin()
  try {
    encoder.fields(fields, null)
  } catch (error) {
    encoder.abandon()
    throw error
  }
}

/** Status codes as text that is the same string each time: compared by address in the tables. */
const STATUS_TEXTS: readonly string[] = Array.from({ length: 1000 }, (_, code) => String(code))
