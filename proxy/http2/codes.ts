/** Numbers of RFC 9113: frame types (6), flags, settings (6.5.2) and error codes (7). */

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

/** Of DATA and HEADERS. */
export const END_STREAM = 0x1
/** Of SETTINGS and PING. */
export const ACK = 0x1
/** Of HEADERS and CONTINUATION. */
export const END_HEADERS = 0x4
/** Of DATA and HEADERS. */
export const PADDED = 0x8
/** Of HEADERS: five bytes of a scheme that RFC 9113 took back. */
export const WITH_PRIORITY = 0x20

export const HEADER_TABLE_SIZE = 1
export const ENABLE_PUSH = 2
export const MAX_CONCURRENT_STREAMS = 3
export const INITIAL_WINDOW_SIZE = 4
export const MAX_FRAME_SIZE = 5
export const MAX_HEADER_LIST_SIZE = 6
/** RFC 8441. */
export const ENABLE_CONNECT_PROTOCOL = 8
/** RFC 9218. */
export const NO_RFC7540_PRIORITIES = 9

export const NO_ERROR = 0
export const PROTOCOL_ERROR = 1
export const INTERNAL_ERROR = 2
export const FLOW_CONTROL_ERROR = 3
export const SETTINGS_TIMEOUT = 4
export const STREAM_CLOSED = 5
export const FRAME_SIZE_ERROR = 6
export const REFUSED_STREAM = 7
export const CANCEL = 8
export const COMPRESSION_ERROR = 9
export const ENHANCE_YOUR_CALM = 11

const ERROR_NAMES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
]

/** The RFC's name of an error code, for people: `CANCEL`, `error 99`. */
export function errorName(code: number): string {
  return ERROR_NAMES[code] ?? `error ${code}`
}

export const FRAME_HEAD_BYTES = 9
/** What every endpoint must take, and all that we take (RFC 9113, 4.2). */
export const FRAME_BYTES_MAX = 16 * 1024
export const WINDOW_MAX = 2 ** 31 - 1
/** Windows of the connection and of each stream, until settings say otherwise (RFC 9113, 6.9.2). */
export const INITIAL_WINDOW_BYTES = 65_535
