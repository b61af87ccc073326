// Hot path: ids are cut from a pool of random bytes, written as hex digits all at once, refilled when it is empty.

export interface Ids {
  /** 128 bits, 32 lower-case hex digits, never all zero. */
  traceId(): string
  /** 64 bits, 16 lower-case hex digits, never all zero. */
  spanId(): string
  /** A version 7 UUID (RFC 9562, 5.7): sorts by time. */
  requestId(): string
}

/** Small: an id that is kept (an exemplar, a row's trace) keeps the digits of the whole pool. */
const POOL_BYTES = 1024
const POOL_DIGITS = POOL_BYTES * 2
const ZEROS = '0'.repeat(32)

/** `fill` fills a buffer with random bytes (crypto.randomFillSync); `wall` tells milliseconds since 1970. */
export function randomIds(fill: (pool: Buffer) => void, wall: () => number): Ids {
  const pool = Buffer.allocUnsafe(POOL_BYTES)
  let digits = ''
  let at = POOL_DIGITS
  let timeMs = -1
  let time = ''
  const cut = (count: number): string => {
    if (at + count > POOL_DIGITS) {
      fill(pool)
      digits = pool.toString('hex')
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
      const variant = '89ab'[Number.parseInt(hex[3]!, 16) & 3]
      return `${time}${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`
    },
  }
}
