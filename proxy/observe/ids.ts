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
const VARIANTS = Buffer.from('89ab', 'latin1')
const VARIANT_PLACE = 19
/** Of the digits behind the time and the version. */
const RANDOM_PLACES = [15, 16, 17, 19, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35]

/** `fill` fills a buffer with random bytes (crypto.randomFillSync); `wall` tells milliseconds since 1970. */
export function randomIds(fill: (pool: Buffer) => void, wall: () => number): Ids {
  const pool = Buffer.allocUnsafe(POOL_BYTES)
  let used = POOL_BYTES
  let digits = ''
  let at = PIECE_DIGITS
  let timeMs = -1
  const uuid = Buffer.from('00000000-0000-7000-0000-000000000000', 'latin1')
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
        uuid.write(`${hex.slice(0, 8)}-${hex.slice(8)}`, 'latin1')
      }
      const hex = cut(RANDOM_PLACES.length)
      for (let i = 0; i < RANDOM_PLACES.length; i++) uuid[RANDOM_PLACES[i]!] = hex.charCodeAt(i)
      uuid[VARIANT_PLACE] = VARIANTS[hexValue(uuid[VARIANT_PLACE]!) & 3]!
      return uuid.toString('latin1')
    },
  }
}

function hexValue(code: number): number {
  return code <= NINE ? code - ZERO : code - LETTER_A + 10
}

const ZERO = 0x30
const NINE = 0x39
const LETTER_A = 0x61
