// Hot path: frames (RFC 9113, 4.1) as bytes.
import {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  FRAME_HEAD_BYTES,
  GOAWAY,
  HEADERS,
  PING,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from './codes.ts'
import type { Output } from './output.ts'

/** Text in a GOAWAY: enough for a sentence, and safe in every buffer. */
const GOAWAY_TEXT_BYTES_MAX = 512
const BYTE_BY_BYTE_MAX = 64

/** Writes the head and makes room for the payload. */
function frameHead(output: Output, payloadBytes: number, type: number, flags: number, streamId: number): void {
  output.reserve(FRAME_HEAD_BYTES + payloadBytes)
  const { bytes, at } = output
  bytes[at] = payloadBytes >>> 16
  bytes[at + 1] = payloadBytes >>> 8
  bytes[at + 2] = payloadBytes
  bytes[at + 3] = type
  bytes[at + 4] = flags
  output.at = at + 5
  uint32(output, streamId)
}

function uint32(output: Output, value: number): void {
  const { bytes, at } = output
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
  output.at = at + 4
}

/** Copies [from, to) of `chunk`: at most as many bytes as the peer takes in a frame. */
export function writeData(
  output: Output,
  streamId: number,
  chunk: Buffer,
  from: number,
  to: number,
  endStream: boolean,
): void {
  frameHead(output, to - from, DATA, endStream ? END_STREAM : 0, streamId)
  if (to > from) chunk.copy(output.bytes, output.at, from, to)
  output.at += to - from
}

/** A whole block of `blockBytes` bytes: HEADERS and as many CONTINUATIONs as the peer's frame size asks for. */
export function writeHeaders(
  output: Output,
  streamId: number,
  block: Buffer,
  blockBytes: number,
  frameBytesMax: number,
  endStream: boolean,
): void {
  let from = 0
  let type = HEADERS
  do {
    const to = Math.min(from + frameBytesMax, blockBytes)
    const flags = (type === HEADERS && endStream ? END_STREAM : 0) | (to === blockBytes ? END_HEADERS : 0)
    frameHead(output, to - from, type, flags, streamId)
    copyBlock(output, block, from, to)
    from = to
    type = CONTINUATION
  } while (from < blockBytes)
}

/** Heads of which most is in the table are a few bytes: a call of the runtime costs more than they do. */
function copyBlock(output: Output, block: Buffer, from: number, to: number): void {
  const { bytes, at } = output
  if (to - from > BYTE_BY_BYTE_MAX) block.copy(bytes, at, from, to)
  else for (let i = from; i < to; i++) bytes[at + i - from] = block[i]!
  output.at = at + to - from
}

export function writeReset(output: Output, streamId: number, code: number): void {
  frameHead(output, 4, RST_STREAM, 0, streamId)
  uint32(output, code)
}

/** @param entries identifier, value, identifier, value ... */
export function writeSettings(output: Output, entries: readonly number[]): void {
  frameHead(output, entries.length * 3, SETTINGS, 0, 0)
  for (let i = 0; i < entries.length; i += 2) {
    output.bytes[output.at++] = entries[i]! >>> 8
    output.bytes[output.at++] = entries[i]!
    uint32(output, entries[i + 1]!)
  }
}

export function writeSettingsAck(output: Output): void {
  frameHead(output, 0, SETTINGS, ACK, 0)
}

/** @param at where the eight bytes of payload stand in `bytes` */
export function writePing(output: Output, isAck: boolean, bytes: Buffer, at: number): void {
  frameHead(output, 8, PING, isAck ? ACK : 0, 0)
  bytes.copy(output.bytes, output.at, at, at + 8)
  output.at += 8
}

/** @param text ASCII, for people at the other end; cut where it is too long */
export function writeGoAway(output: Output, lastStreamId: number, code: number, text: string): void {
  const debug = text.slice(0, GOAWAY_TEXT_BYTES_MAX)
  frameHead(output, 8 + debug.length, GOAWAY, 0, 0)
  uint32(output, lastStreamId)
  uint32(output, code)
  output.at += output.bytes.write(debug, output.at, 'latin1')
}

/** @param streamId 0: the connection's window */
export function writeWindowUpdate(output: Output, streamId: number, increment: number): void {
  frameHead(output, 4, WINDOW_UPDATE, 0, streamId)
  uint32(output, increment)
}

/** The client's preface, which is no frame. */
export function writeText(output: Output, text: Buffer): void {
  output.reserve(text.length)
  output.at += text.copy(output.bytes, output.at)
}
