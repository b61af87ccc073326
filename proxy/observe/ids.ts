// Hot path: ids are cut from a pool of random bytes, written as hex digits many at once, refilled when it is empty.

export interface Ids {
  /** 128 bits, 32 lower-case hex digits, never all zero. */
  traceId(): string
  /** 64 bits, 16 lower-case hex digits, never all zero. */
  spanId(): string
  /** A version 7 UUID (RFC 9562, 5.7): sorts by time. */
  requestId(): string
}

const POOL_BYTES = 8 * 1024
/** Written as digits at a time. Small: an id that is kept (an exemplar, a row's trace) keeps all of these digits. */
const PIECE_BYTES = 1024
const PIECE_DIGITS = PIECE_BYTES * 2
const ZEROS = '0'.repeat(32)
/** Two bits of a UUID that say which kind it is, and two that are random (RFC 9562, 4.1). */
const VARIANTS = '89ab'

/** `fill` fills a buffer with random bytes (crypto.randomFillSync); `wall` tells milliseconds since 1970. */
export function randomIds(fill: (pool: Buffer) => void, wall: () => number): Ids {
  const pool = Buffer.allocUnsafe(POOL_BYTES)
  let used = POOL_BYTES
  let digits = ''
  let at = PIECE_DIGITS
  let timeMs = -1
  let time = ''
  const cut = (count: number): string => {
    if (at + count > PIECE_DIGITS) {
      if (used === POOL_BYTES) {
        fill(pool)
        used = 0
      }
      digits = pool.toString('hex', used, used + PIECE_BYTES)
      used += PIECE_BYTES
      at = 0
    }
    at += count
    return digits.slice(at - count, at)
  }
  const nonZero = (count: number): string => {
    for (;;) {
      const id = cut(count)
      if (id !== ZEROS.slice(0, count)) return id
    }
  }
  return {
    traceId: () => nonZero(32),
    spanId: () => nonZero(16),
    requestId() {
      const nowMs = Math.floor(wall())
      if (nowMs !== timeMs) {
        timeMs = nowMs
        const hex = nowMs.toString(16).padStart(12, '0')
        time = `${hex.slice(0, 8)}-${hex.slice(8)}-7`
      }
      const hex = cut(20)
      const variant = VARIANTS[hexValue(hex.charCodeAt(3)) & 3]
      return `${time}${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`
    },
  }
}

function hexValue(code: number): number {
  return code <= NINE ? code - ZERO : code - LETTER_A + 10
}

const ZERO = 0x30
const NINE = 0x39
const LETTER_A = 0x61
