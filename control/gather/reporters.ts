import type { Reporter, Tick } from '../../protocol/tick.ts'

/** What the proxies said of themselves in their reports: which snapshot they have, which they refused, who is silent. Pure. */
export interface Reporters {
  take(tick: Tick): void
  get(instance: string): SeenReporter | undefined
  all(): Iterable<SeenReporter>
  /** The highest epoch that any of them has in force. */
  readonly epochMax: number
}

export type SeenReporter = Reporter & { missing: boolean }

/** A proxy that neither reports nor is missed any more is forgotten after this many ticks (the collector names the missing for a minute). */
const FORGET_TICKS = 400
const REPORTERS_MAX = 50_000
/** Nothing that counts one by one gets there: a higher epoch is no epoch. */
const EPOCH_CREDIBLE_MAX = 2 ** 50

export function createReporters(): Reporters {
  const seen = new Map<string, SeenReporter & { atTick: number }>()
  let ticks = 0
  let epochMax = 0
  const put = (reporter: Reporter, missing: boolean) => {
    if (seen.size >= REPORTERS_MAX && !seen.has(reporter.instance)) return
    seen.set(reporter.instance, { ...reporter, missing, atTick: ticks })
    if (reporter.epoch > epochMax && reporter.epoch < EPOCH_CREDIBLE_MAX) epochMax = reporter.epoch
  }
  return {
    take(tick) {
      ticks++
      for (const reporter of tick.missing) put(reporter, true)
      for (const reporter of tick.reporters) put(reporter, false)
      if (ticks % FORGET_TICKS !== 0) return
      for (const [instance, { atTick }] of seen) if (ticks - atTick >= FORGET_TICKS) seen.delete(instance)
    },
    get: instance => seen.get(instance),
    all: () => seen.values(),
    get epochMax() {
      return epochMax
    },
  }
}
