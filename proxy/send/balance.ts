// Hot path: chooses one of the endpoints that may be used.
import type { BalancingPolicy } from '../../protocol/snapshot.ts'

/** What a balancer needs to know of an endpoint. */
export interface Loaded {
  /** Requests under way. */
  readonly active: number
}

/** Where round robin stands; one for each list. */
export interface Turn {
  next: number
}

/** One of `list`, which is not empty. `random` gives numbers in [0, 1). Least-request is the power of two choices: O(1), and never herds. */
export function choose<T extends Loaded>(
  policy: BalancingPolicy,
  list: readonly T[],
  turn: Turn,
  random: () => number,
): T {
  const size = list.length
  if (size === 1) return list[0]!
  switch (policy) {
    case 'round-robin': {
      const at = turn.next >= size ? 0 : turn.next
      turn.next = at + 1
      return list[at]!
    }
    case 'random':
      return list[Math.floor(random() * size)]!
    case 'least-request': {
      const first = Math.floor(random() * size)
      // The second is never the first: with two endpoints both are always compared.
      const second = (first + 1 + Math.floor(random() * (size - 1))) % size
      const a = list[first]!
      const b = list[second]!
      return b.active < a.active ? b : a
    }
  }
}
