import type { Registration } from '../protocol/snapshot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ControlEvents } from './events.ts'
import type { Catalog } from './gather/catalog.ts'
import type { Reconciler } from './reconcile.ts'
import type { Keeper } from './state/keeper.ts'

/** What follows from a proxy's coming and going: it is written down, and who calls its service hears of it. */
export interface Membership {
  joined(
    registration: Registration,
    was: { before: Registration | undefined; changed: boolean },
    warning?: string,
  ): void
  left(registration: Registration, why: 'grace-over' | 'said-goodbye'): void
  refused(reason: string): void
  /** Lets those go whose grace is over; to be called about once a second. */
  sweep(): void
}

export function createMembership(parts: {
  clock: Clock
  catalog: Catalog
  keeper: Pick<Keeper, 'instancePut' | 'instanceGone'>
  reconciler: Pick<Reconciler, 'endpointsChanged'>
  events: Pick<ControlEvents, 'proxyJoined' | 'proxyLeft' | 'proxyRefused'>
}): Membership {
  const { clock, catalog, keeper, reconciler, events } = parts
  const tellCallers = ({ kind, service, version }: Registration) => {
    if (kind === 'sidecar') reconciler.endpointsChanged(service, version)
  }
  const membership: Membership = {
    joined(registration, { before, changed }, warning) {
      keeper.instancePut(registration)
      events.proxyJoined(registration, warning)
      if (!changed) return
      if (before) tellCallers(before)
      tellCallers(registration)
    },
    left(registration, why) {
      keeper.instanceGone(registration.instance)
      events.proxyLeft(registration, why)
      tellCallers(registration)
    },
    refused: reason => events.proxyRefused(reason),
    sweep() {
      for (const { registration } of catalog.sweep(clock.now())) membership.left(registration, 'grace-over')
    },
  }
  return membership
}
