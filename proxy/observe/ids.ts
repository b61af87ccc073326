// Hot path: ids are cut from a pool of random bytes, refilled when it is empty.

export interface Ids {
  /** 128 bits, 32 lower-case hex digits, never all zero. */
  traceId(): string
  /** 64 bits, 16 lower-case hex digits, never all zero. */
  spanId(): string
  /** A version 7 UUID (RFC 9562, 5.7): sorts by time. */
  requestId(): string
}

const POOL_BYTES = 8192
const ZEROS = '0'.repeat(32)

/** `fill` fills a buffer with random bytes (crypto.randomFillSync); `wall` tells milliseconds since 1970. */
export function randomIds(fill: (pool: Buffer) => void, wall: () => number): Ids {
  const pool = Buffer.allocUnsafe(POOL_BYTES)
  let at = POOL_BYTES
  let timeMs = -1
  let time = ''
  const cut = (bytes: number): string => {
    if (at + bytes > POOL_BYTES) {
      fill(pool)
      at = 0
    }
    const hex = pool.toString('hex', at, at + bytes)
    at += bytes
    return hex
  }
  const nonZero = (bytes: number): string => {
    for (;;) {
      const id = cut(bytes)
      if (id !== ZEROS.slice(0, bytes * 2)) return id
    }
  }
  return {
    traceId: () => nonZero(16),
    spanId: () => nonZero(8),
    requestId() {
      const nowMs = Math.floor(wall())
      if (nowMs !== timeMs) {
        timeMs = nowMs
        const hex = nowMs.toString(16).padStart(12, '0')
        time = `${hex.slice(0, 8)}-${hex.slice(8)}-7`
      }
      const hex = cut(10)
      const variant = '89ab'[Number.parseInt(hex[3]!, 16) & 3]
      return `${time}${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`
    },
  }
}
