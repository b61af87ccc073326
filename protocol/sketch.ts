// Hot path: `bucketOf` runs once per attempt.

/**
 * Latency sketch: counts in logarithmic buckets, merged by adding. Bucket i holds values in (GAMMA^(i-1), GAMMA^i] microseconds;
 * its middle is at most 2 % away from any of them (DDSketch, Masson et al., VLDB 2019).
 */
const RELATIVE_ERROR = 0.02
export const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
const PER_LOG = 1 / Math.log(GAMMA)

/** Buckets reach to about 1.4 hours; anything slower counts in the last one. */
export const SKETCH_BUCKETS = 560

/** The bucket of a latency in microseconds (>= 0). */
export function bucketOf(latencyUs: number): number {
  if (latencyUs <= 1) return 0
  const bucket = Math.ceil(Math.log(latencyUs) * PER_LOG)
  return bucket < SKETCH_BUCKETS ? bucket : SKETCH_BUCKETS - 1
}

/** The value that stands for a bucket, in microseconds: within 2 % of everything in it. */
export function middleOf(bucket: number): number {
  return bucket === 0 ? 1 : (2 * GAMMA ** bucket) / (GAMMA + 1)
}

/** Writes the non-empty buckets of `counts` as [bucket, count, bucket, count, ...]. */
export function sparse(counts: Uint32Array): number[] {
  const pairs: number[] = []
  for (let bucket = 0; bucket < counts.length; bucket++) if (counts[bucket]! > 0) pairs.push(bucket, counts[bucket]!)
  return pairs
}

/** Merges two sparse sketches; both are sorted by bucket, so is the result. */
export function mergeSparse(a: readonly number[], b: readonly number[]): number[] {
  if (a.length === 0) return [...b]
  const merged: number[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const left = i < a.length ? a[i]! : Number.POSITIVE_INFINITY
    const right = j < b.length ? b[j]! : Number.POSITIVE_INFINITY
    if (left === right) merged.push(left, a[i + 1]! + b[j + 1]!)
    else if (left < right) merged.push(left, a[i + 1]!)
    else merged.push(right, b[j + 1]!)
    if (left <= right) i += 2
    if (right <= left) j += 2
  }
  return merged
}

/** The q-quantile (0..1) of a sparse sketch in milliseconds; undefined when it is empty. */
export function quantileMs(pairs: readonly number[], q: number): number | undefined {
  let total = 0
  for (let i = 1; i < pairs.length; i += 2) total += pairs[i]!
  if (total === 0) return undefined
  let rank = Math.max(1, Math.ceil(q * total))
  for (let i = 0; i < pairs.length; i += 2) {
    rank -= pairs[i + 1]!
    if (rank <= 0) return middleOf(pairs[i]!) / 1000
  }
  return middleOf(pairs[pairs.length - 2]!) / 1000
}

/** How many of a sparse sketch's values were slower than a threshold, with the sketch's error of 2 % at the border. */
export function countSlower(pairs: readonly number[], thresholdMs: number): number {
  const border = bucketOf(thresholdMs * 1000)
  let slower = 0
  for (let i = 0; i + 1 < pairs.length; i += 2) if (pairs[i]! > border) slower += pairs[i + 1]!
  return slower
}
