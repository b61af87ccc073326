import type { Tick } from '../../protocol/tick.ts'
import { type CollectorFeed, collectorFeed, type FeedParts, feedLimits } from './collector-feed.ts'
import { liveMerge } from './live-merge.ts'

export interface LiveTraffic {
  readonly feeds: readonly CollectorFeed[]
  /** Since the last tick, or since the start when none has come. */
  tickAgeMs(): number
  close(): void
}

export interface LiveTrafficParts extends FeedParts {
  events: {
    collectorConnected(url: string): void
    collectorLost(url: string, reason: string): void
    tickUnreadable(url: string, reason: string): void
  }
}

/** A collector ticks four times a second: what its siblings have not sent by then is not waited for. */
const MERGE_WAIT_MS = 300
const LOOK_MS = 250
/** A tick that comes somewhat late is no silence. */
const SILENT_AFTER_MS = 600

/** The live streams of all collectors as one: `onTick` for what comes, `onSilence` a few times a second while nothing does. */
export function liveTraffic(
  urls: readonly string[],
  { clock, random, connect, events }: LiveTrafficParts,
  { onTick, onSilence }: { onTick(tick: Tick): void; onSilence(): void },
): LiveTraffic {
  const merge = liveMerge(MERGE_WAIT_MS)
  let lastTickMs = clock.now()
  const pass = (tick: Tick | undefined) => {
    if (!tick) return
    lastTickMs = clock.now()
    onTick(tick)
  }
  const feeds = urls.map(url =>
    collectorFeed(
      url,
      feedLimits,
      { clock, random, connect },
      {
        onConnected() {
          merge.connected(url)
          events.collectorConnected(url)
        },
        onTick: tick => pass(merge.take(url, tick, clock.now())),
        onInvalid: reason => events.tickUnreadable(url, reason),
        onDisconnected: () => pass(merge.disconnected(url)),
        onLost: reason => events.collectorLost(url, reason),
      },
    ),
  )
  const stopLooking = clock.every(LOOK_MS, () => {
    pass(merge.due(clock.now()))
    if (clock.now() - lastTickMs >= SILENT_AFTER_MS) onSilence()
  })
  return {
    feeds,
    tickAgeMs: () => clock.now() - lastTickMs,
    close() {
      stopLooking()
      for (const feed of feeds) feed.close()
    },
  }
}
