/** Bounds of one message head, and of the trailers of one message. */
export interface HeadLimits {
  /** Request or status line and all field lines with their line ends, in bytes. More is 431. */
  readonly headBytesMax: number
  /** Field lines. More is 431. */
  readonly fieldsMax: number
  /** The request line with its line end, in bytes. More is 414. At most headBytesMax has an effect. */
  readonly requestLineBytesMax: number
}

export const DEFAULT_HEAD_LIMITS: HeadLimits = {
  headBytesMax: 64 * 1024,
  fieldsMax: 100,
  requestLineBytesMax: 8 * 1024,
}

/** Empty lines tolerated before a request line (RFC 9112, 2.2 asks for at least one). */
export const LEADING_EMPTY_LINES_MAX = 4

/** Names one message's Connection fields may list. Each costs a comparison per field, so their number is bounded. */
export const CONNECTION_OPTIONS_MAX = 32

/** Bytes of chunk extensions in one body. Nobody uses them; without a bound they are a free channel (CVE-2024-22019). */
export const CHUNK_EXTENSION_BYTES_MAX = 16 * 1024

/** Hexadecimal digits of one chunk size, leading zeros included. */
export const CHUNK_SIZE_DIGITS_MAX = 16

/** Decimal digits of a Content-Length, leading zeros included. The value may not pass Number.MAX_SAFE_INTEGER. */
export const CONTENT_LENGTH_DIGITS_MAX = 16
