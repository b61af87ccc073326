// Hot path: looked up once per request.

/** Envoy's bounds of its time histograms, in milliseconds. */
export const timeBoundsMs = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
] as const

/** Nearly every request ends in the first few buckets: walking beats halving. */
export function boundOf(durationMs: number): number {
  let bucket = 0
  while (bucket < timeBoundsMs.length && durationMs > timeBoundsMs[bucket]!) bucket++
  return bucket
}
