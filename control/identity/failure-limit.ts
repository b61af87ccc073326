/** How often an address may fail to prove itself. Bounded; reads no clock. */
export interface FailureLimit {
  /** Milliseconds until the next try is looked at; 0: now. */
  waitMs(peer: string, nowMs: number): number
  failed(peer: string, nowMs: number): void
  /** Addresses that are remembered. */
  readonly size: number
}

export interface FailureLimits {
  failuresMax: number
  /** One failure is forgiven in each such time. */
  forgiveEveryMs: number
  addressesMax: number
}

export const failureLimits: FailureLimits = { failuresMax: 20, forgiveEveryMs: 3000, addressesMax: 10_000 }

/** A bucket for each address that drips failures out: a burst is let pass, a stream of them is not. `nowMs` is monotonic. */
export function failureLimit({ failuresMax, forgiveEveryMs, addressesMax }: FailureLimits): FailureLimit {
  const buckets = new Map<string, { failures: number; atMs: number }>()
  const now = (peer: string, nowMs: number): number => {
    const bucket = buckets.get(peer)
    return bucket ? Math.max(0, bucket.failures - (nowMs - bucket.atMs) / forgiveEveryMs) : 0
  }
  return {
    waitMs(peer, nowMs) {
      const over = now(peer, nowMs) - (failuresMax - 1)
      return over > 0 ? Math.ceil(over * forgiveEveryMs) : 0
    },
    failed(peer, nowMs) {
      const failures = Math.min(failuresMax, now(peer, nowMs) + 1)
      // Put in anew, so that the first of the map is the one that has been quiet the longest.
      buckets.delete(peer)
      buckets.set(peer, { failures, atMs: nowMs })
      if (buckets.size > addressesMax) buckets.delete(buckets.keys().next().value!)
    },
    get size() {
      return buckets.size
    },
  }
}

/** What failures are counted by: an IPv4 address, or the /64 of an IPv6 one, for one machine has all of that. */
export function peerKey(address: string | undefined): string {
  if (address === undefined) return 'unknown'
  const plain = address.replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)
  if (mapped) return mapped[1]!
  if (!plain.includes(':')) return plain
  const [head = '', tail = ''] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
  return `${groups
    .slice(0, 4)
    .map(group => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}

export function isLoopback(address: string | undefined): boolean {
  const key = (address ?? '').replace(/^::ffff:/i, '')
  return key === '::1' || /^127\.\d+\.\d+\.\d+$/.test(key)
}
