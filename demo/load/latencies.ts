/** Latencies in buckets that grow by a twentieth each: a percentile is right to 5 %, in a fixed few kilobytes. */
export interface Latencies {
  record(latencyMs: number): void
  /** The latency that this part (0 to 1) of all requests did not exceed; undefined without any. Never above the maximum seen. */
  percentileMs(part: number): number | undefined
  maxMs(): number | undefined
  reset(): void
}

const FLOOR_MS = 0.05
const GROWTH = 1.05
const CEILING_MS = 120_000
const BUCKETS = Math.ceil(Math.log(CEILING_MS / FLOOR_MS) / Math.log(GROWTH)) + 1

export function createLatencies(): Latencies {
  const counts = new Float64Array(BUCKETS)
  let total = 0
  let max = 0
  return {
    record(latencyMs) {
      const index = latencyMs <= FLOOR_MS ? 0 : Math.ceil(Math.log(latencyMs / FLOOR_MS) / Math.log(GROWTH))
      const bucket = Math.min(BUCKETS - 1, index)
      counts[bucket] = (counts[bucket] ?? 0) + 1
      total += 1
      max = Math.max(max, latencyMs)
    },
    percentileMs(part) {
      if (total === 0) return undefined
      const rank = Math.max(1, Math.ceil(part * total))
      let seen = 0
      for (let bucket = 0; bucket < BUCKETS - 1; bucket += 1) {
        seen += counts[bucket] ?? 0
        if (seen >= rank) return Math.min(max, FLOOR_MS * GROWTH ** bucket)
      }
      return max
    },
    maxMs: () => (total === 0 ? undefined : max),
    reset() {
      counts.fill(0)
      total = 0
      max = 0
    },
  }
}
