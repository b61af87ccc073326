import type { Decision } from '../../protocol/decision.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Change, StateStore } from './store.ts'

/** A decision before it has a number. */
export type Undated = Omit<Decision, 'id' | 'time' | 'epoch'>

/** The log of decisions: its order is the truth. */
export interface DecisionLog {
  /** Numbers and writes decisions together with what else must be true with them, then tells the followers. */
  record(undated: readonly Undated[], epoch: number, along: Omit<Change, 'decisions'>): Decision[]
  /** Told of each decision after it was written; the returned function ends it. */
  follow(follower: (decision: Decision) => void): () => void
  lastOf(service: string): Decision | undefined
  last(): Decision | undefined
}

export function decisionLog(store: StateStore, clock: Clock): DecisionLog {
  const followers = new Set<(decision: Decision) => void>()
  const last = new Map<string, Decision | undefined>()
  let lastId = store.lastDecisionId()
  let newest = store.decisions({ limit: 1 })[0]
  return {
    record(undated, epoch, along) {
      const time = new Date(clock.wall()).toISOString()
      const decisions = undated.map(decision => ({ ...decision, id: ++lastId, time, epoch }))
      store.write({ ...along, decisions })
      for (const decision of decisions) {
        last.set(decision.service, decision)
        newest = decision
        for (const follower of followers) follower(decision)
      }
      return decisions
    },
    follow(follower) {
      followers.add(follower)
      return () => followers.delete(follower)
    },
    lastOf(service) {
      if (!last.has(service)) last.set(service, store.decisions({ service, limit: 1 })[0])
      return last.get(service)
    },
    last: () => newest,
  }
}
