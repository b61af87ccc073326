// Hot path: heads leave as one string in one concatenation, to be written corked with the first bytes of body.
import type { BodyFraming } from './framing.ts'
import { reasonPhraseOf } from './reason-phrases.ts'

const HEADER_END = '\r\n'

/**
 * A request head as a latin1 string, to be written with encoding 'latin1'. `fields` are end-to-end fields (see
 * hop-by-hop.ts), host included; the fields of the connection are made here.
 * @param connection value of the Connection field, '' for none (see connectionToUpstream)
 * @param upgrade value of the Upgrade field, '' for none
 * Throws when a name or value would break the line structure: that is a bug of ours, never bad input.
 */
export function serializeRequestHead(
  method: string,
  target: string,
  fields: readonly string[],
  framing: BodyFraming,
  connection: string,
  upgrade: string,
): string {
  return sealed(`${method} ${target} HTTP/1.1\r\n`, fields, framing, connection, upgrade)
}

/**
 * A response head as a latin1 string. Interim answers (1xx) are made with framing 'none' and connection ''. The version is
 * always 1.1: it tells what we speak, also to a 1.0 client (RFC 9110, 6.2).
 * @param reason reason phrase, '' for the usual one of this status
 * Throws as serializeRequestHead does.
 */
export function serializeResponseHead(
  statusCode: number,
  reason: string,
  fields: readonly string[],
  framing: BodyFraming,
  connection: string,
  upgrade: string,
): string {
  const phrase = reason === '' ? reasonPhraseOf(statusCode) : reason
  return sealed(`HTTP/1.1 ${statusCode} ${phrase}\r\n`, fields, framing, connection, upgrade)
}

function sealed(
  firstLine: string,
  fields: readonly string[],
  framing: BodyFraming,
  connection: string,
  upgrade: string,
): string {
  let text = firstLine
  let lines = 2
  for (let i = 0; i < fields.length; i += 2) {
    text += `${fields[i]}: ${fields[i + 1]}\r\n`
    lines++
  }
  if (framing === 'chunked') {
    text += 'transfer-encoding: chunked\r\n'
    lines++
  }
  if (connection !== '') {
    text += `connection: ${connection}\r\n`
    lines++
  }
  if (upgrade !== '') {
    text += `upgrade: ${upgrade}\r\n`
    lines++
  }
  text += HEADER_END
  assertLines(text, lines)
  return text
}

/**
 * Throws unless `text` is exactly `lines` lines of latin1 without other control characters. Counting line ends over the
 * whole head is one pass over a flat string, half the cost of looking into every value. Characters beyond latin1 are
 * refused because their low byte may be a line end (U+010A is written as LF).
 */
function assertLines(text: string, lines: number): void {
  let found = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x20 && code !== 0x7f && code <= 0xff) continue
    if (code === 0x0d && text.charCodeAt(i + 1) === 0x0a) {
      found++
      i++
    } else if (code !== 0x09) {
      throw new Error(
        `a head to be sent holds the character ${code} at ${i}; fields must be checked before they get here`,
      )
    }
  }
  if (found !== lines) {
    throw new Error(
      `a head to be sent has ${found} lines instead of ${lines}; fields must be checked before they get here`,
    )
  }
}

/** Goes behind the data of every chunk. */
export const CHUNK_SUFFIX = Buffer.from('\r\n', 'latin1')

/** Ends a chunked body without trailers. */
export const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1')

/** Goes before the data of a chunk of `bytes` bytes. Not for 0, which would end the body. */
export function chunkPrefix(bytes: number): string {
  if (bytes <= 0) throw new Error(`a chunk of ${bytes} bytes; an empty piece of body must not be sent`)
  return `${bytes.toString(16)}\r\n`
}

/** Ends a chunked body with trailers (name, value ...). Throws as serializeRequestHead does. */
export function lastChunk(trailers: readonly string[]): string {
  return sealed('0\r\n', trailers, 'length', '', '')
}
