// Hot path: heads leave as one string in one concatenation, to be written corked with the first bytes of body.
import { ControlBytes } from './control-bytes.ts'
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
    assertNoLength(fields)
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

/** Content-Length beside chunks is what the next parser may read otherwise. */
function assertNoLength(fields: readonly string[]): void {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === 'content-length') throw new Error('a chunked message with content-length: choose one framing')
  }
}

/** Shared: filled and looked at within one call. */
const controls = new ControlBytes()

/**
 * Throws unless `text` is `lines` lines without control characters, the last one empty: what is looked at are the bytes as
 * they will be written, so that a character beyond latin1 cannot become a line end on its way (U+010A is written as LF).
 */
function assertLines(text: string, lines: number): void {
  controls.reserve(text.length)
  controls.bytes.write(text, 'latin1')
  controls.begin()
  controls.mark(text.length)
  // The line ends made here are `lines` pairs; whatever else there is makes more, or an empty line too early.
  if (controls.count !== lines * 2 || controls.marked !== text.length) {
    throw new Error('a field to be sent holds a line end or a control character: it was not checked when it was made')
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
