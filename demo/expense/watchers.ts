import type { Change } from '../wire/expense-grpc.ts'

const WATCHERS_MAX = 1_000
const TRIPS_PER_WATCHER_MAX = 100

export interface Watcher {
  /** Why not, or undefined. */
  watch(tripId: string): string | undefined
  leave(): void
}

export interface Watchers {
  /** undefined: there are too many. */
  join(tell: (change: Change) => void): Watcher | undefined
  changed(change: Change): void
}

/** Who is told of changes of which trips. */
export function createWatchers(): Watchers {
  const all = new Map<(change: Change) => void, Set<string>>()
  return {
    join(tell) {
      if (all.size >= WATCHERS_MAX) return undefined
      const trips = new Set<string>()
      all.set(tell, trips)
      return {
        watch(tripId) {
          if (trips.size >= TRIPS_PER_WATCHER_MAX) return `One stream may watch ${TRIPS_PER_WATCHER_MAX} trips.`
          trips.add(tripId)
          return undefined
        },
        leave: () => void all.delete(tell),
      }
    },
    changed(change) {
      for (const [tell, trips] of all) if (trips.has(change.tripId)) tell(change)
    },
  }
}
