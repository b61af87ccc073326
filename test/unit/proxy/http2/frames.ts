import { CLIENT_PREFACE } from '../../../../proxy/http2/preface.ts'

/** Frames made and read by hand, so that the codec is not tested with itself. */

export const DATA = 0
export const HEADERS = 1
export const PRIORITY = 2
export const RST_STREAM = 3
export const SETTINGS = 4
export const PUSH_PROMISE = 5
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8
export const CONTINUATION = 9

export const END_STREAM = 1
export const ACK = 1
export const END_HEADERS = 4
export const PADDED = 8
export const WITH_PRIORITY = 0x20

export interface Frame {
  type: number
  flags: number
  streamId: number
  payload: Buffer
}

export function frame(type: number, flags: number, streamId: number, payload: Buffer | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, body])
}

export function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = []
  let at = 0
  while (at < bytes.length) {
    const length = bytes.readUIntBE(at, 3)
    const payload = bytes.subarray(at + 9, at + 9 + length)
    if (payload.length !== length) throw new Error('the output ends within a frame')
    frames.push({ type: bytes[at + 3]!, flags: bytes[at + 4]!, streamId: bytes.readUInt32BE(at + 5), payload })
    at += 9 + length
  }
  return frames
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

/** Identifier, value, identifier, value ... */
export function settings(...entries: number[]): Buffer {
  const payload = Buffer.alloc(entries.length * 3)
  for (let i = 0; i < entries.length; i += 2) {
    payload.writeUInt16BE(entries[i]!, i * 3)
    payload.writeUInt32BE(entries[i + 1]!, i * 3 + 2)
  }
  return frame(SETTINGS, 0, 0, payload)
}

export const settingsAck = frame(SETTINGS, ACK, 0)

/** What a client says first, and that it has read our settings. */
export const clientHello = Buffer.concat([CLIENT_PREFACE, settings(), settingsAck])
export const serverHello = Buffer.concat([settings(), settingsAck])

function integer(pattern: number, prefixBits: number, value: number): number[] {
  const mask = (1 << prefixBits) - 1
  if (value < mask) return [pattern | value]
  const bytes = [pattern | mask]
  let left = value - mask
  while (left >= 128) {
    bytes.push((left & 127) | 128)
    left = Math.floor(left / 128)
  }
  return [...bytes, left]
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from(integer(0, 7, value.length)), Buffer.from(value, 'latin1')])
}

/** Literals with new names. `pattern`: 0x00 without indexing, 0x10 never indexed, 0x40 with indexing. */
export function literals(fields: readonly string[], pattern = 0): Buffer {
  const pieces: Buffer[] = []
  for (let i = 0; i < fields.length; i += 2) pieces.push(Buffer.from([pattern]), text(fields[i]!), text(fields[i + 1]!))
  return Buffer.concat(pieces)
}

export function headers(streamId: number, fields: readonly string[], endStream = true): Buffer {
  return frame(HEADERS, END_HEADERS | (endStream ? END_STREAM : 0), streamId, literals(fields))
}

export const GET = [':method', 'GET', ':scheme', 'http', ':path', '/a', ':authority', 'b.example']
export const POST = [':method', 'POST', ':scheme', 'http', ':path', '/a', ':authority', 'b.example']

export function get(streamId: number, ...fields: string[]): Buffer {
  return headers(streamId, [...GET, ...fields])
}

/** A request whose body follows. */
export function post(streamId: number, ...fields: string[]): Buffer {
  return headers(streamId, [...POST, ...fields], false)
}

export function data(streamId: number, body: string | Buffer, endStream = false): Buffer {
  return frame(DATA, endStream ? END_STREAM : 0, streamId, body)
}

export function reset(streamId: number, code = 8): Buffer {
  return frame(RST_STREAM, 0, streamId, uint32(code))
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame(WINDOW_UPDATE, 0, streamId, uint32(increment))
}

export function ping(payload = 'abcdefgh'): Buffer {
  return frame(PING, 0, 0, payload)
}

export function goAway(lastStreamId: number, code = 0): Buffer {
  return frame(GOAWAY, 0, 0, Buffer.concat([uint32(lastStreamId), uint32(code)]))
}

export function times(count: number, piece: (i: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => piece(i)))
}
