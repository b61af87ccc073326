import type { Family } from '../../../protocol/prometheus/family.ts'
import type { Clock } from '../../../runtime/clock.ts'
import { type Encodings, encodings } from './encodings.ts'
import type { Gather, GatherRequest } from './gather.ts'
import { filterByName } from './name-filter.ts'
import type { Slices } from './slices.ts'

interface Gathering {
  endsAtMs: number
  families: Promise<Family[]>
  encodings: Promise<Encodings>
}

/** Scrapers that ask at the same time (a pair of Prometheus servers, a person beside one) share one asking of the sources. */
export interface Gatherings {
  /** The encodings of a gathering that ends within the request's deadline: one under way, or a new one. */
  join(request: GatherRequest): Promise<Encodings>
}

export function createGatherings(gather: Gather, gatheringsMax: number, clock: Clock, slices: Slices): Gatherings {
  const underWay = new Set<Gathering & { key: string }>()

  const start = (key: string, request: GatherRequest): Gathering => {
    const families = gather(request)
    const encoded = families.then(merged => encodings(merged, slices))
    const gathering = { key, endsAtMs: clock.now() + request.deadlineMs, families, encodings: encoded }
    underWay.add(gathering)
    // Answers later than this would be old; the failure itself is told to those who wait for it.
    const done = () => underWay.delete(gathering)
    encoded.then(done, done)
    return gathering
  }

  const find = (key: string, endsAtMsMax: number): Gathering | undefined => {
    let latest: Gathering | undefined
    for (const gathering of underWay) {
      if (gathering.key === key && gathering.endsAtMs <= endsAtMsMax) latest = gathering
    }
    return latest
  }

  return {
    async join(request) {
      const key = JSON.stringify([...request.names].sort())
      const shared = find(key, clock.now() + request.deadlineMs)
      if (shared) return shared.encodings
      if (underWay.size < gatheringsMax) return start(key, request).encodings
      // Too many at once: one gathering of everything serves them all, each taking its part.
      const unfiltered = JSON.stringify([])
      const whole = find(unfiltered, Number.POSITIVE_INFINITY) ?? start(unfiltered, { ...request, names: [] })
      if (request.names.length === 0) return whole.encodings
      return encodings(filterByName(await whole.families, request.names), slices)
    },
  }
}
