import type { Clock } from '../../runtime/clock.ts'
import type { Catalog, Instance } from '../gather/catalog.ts'
import type { Reporters } from '../gather/reporters.ts'
import type { ProxyState, ProxyStatus } from './status-schema.ts'

/** A proxy hears of a change and says that it applied it within a second or so: only after this long it is behind. */
const BEHIND_AFTER_MS = 2000

export interface ProxiesParts {
  clock: Clock
  catalog: Catalog
  reporters: Reporters
  sentEpoch(instance: string): number | undefined
}

/** How far each proxy is with what it was sent. `look` is to be called about once a second. */
export interface Proxies {
  look(): void
  list(): ProxyStatus[]
  counts(): Record<ProxyState, number>
  /** Instances that have not said that they applied this epoch. */
  behind(epoch: number): string[]
}

export function proxies({ clock, catalog, reporters, sentEpoch }: ProxiesParts): Proxies {
  const lateSince = new Map<string, number>()

  const stateOf = ({ registration, connected }: Instance): ProxyState => {
    if (!connected) return 'away'
    const reporter = reporters.get(registration.instance)
    if (!reporter || reporter.missing) return 'silent'
    const sent = sentEpoch(registration.instance) ?? 0
    if (reporter.refused && reporter.refused.epoch >= sent) return 'refused'
    const since = lateSince.get(registration.instance)
    return since !== undefined && clock.now() - since >= BEHIND_AFTER_MS ? 'behind' : 'in-step'
  }
  const statusOf = (instance: Instance): ProxyStatus => {
    const { registration, sinceWallMs } = instance
    const reporter = reporters.get(registration.instance)
    return {
      instance: registration.instance,
      service: registration.service,
      version: registration.version,
      kind: registration.kind,
      address: registration.address,
      metrics: registration.metrics ?? null,
      admin: registration.admin ?? null,
      zone: registration.zone ?? null,
      state: stateOf(instance),
      sentEpoch: sentEpoch(registration.instance) ?? null,
      epoch: reporter?.epoch ?? null,
      refusal: reporter?.refused?.reason ?? null,
      since: new Date(sinceWallMs).toISOString(),
    }
  }

  return {
    look() {
      for (const instance of lateSince.keys()) if (!catalog.get(instance)) lateSince.delete(instance)
      for (const { registration } of catalog.all()) {
        const id = registration.instance
        const late = (reporters.get(id)?.epoch ?? 0) < (sentEpoch(id) ?? 0)
        if (!late) lateSince.delete(id)
        else if (!lateSince.has(id)) lateSince.set(id, clock.now())
      }
    },
    list: () => [...catalog.all()].map(statusOf),
    behind: epoch =>
      [...catalog.all()]
        .map(({ registration }) => registration.instance)
        .filter(instance => (reporters.get(instance)?.epoch ?? 0) < epoch),
    counts() {
      const counts: Record<ProxyState, number> = { 'in-step': 0, behind: 0, refused: 0, silent: 0, away: 0 }
      for (const instance of catalog.all()) counts[stateOf(instance)]++
      return counts
    },
  }
}
