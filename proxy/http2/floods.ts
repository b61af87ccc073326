// Hot path: the allowances of one connection, each spent where its frame is read.
import { Allowance } from './allowance.ts'
import type { Http2Limits } from './limits.ts'

const RESETS_PER_SECOND = 10
const PINGS_PER_SECOND = 2
const IGNORED_PER_SECOND = 10
const WINDOW_UPDATES_PER_DATA_FRAME = 10
/** A peer that takes its time may answer so many frames at once. */
const WINDOW_UPDATES_MOST = 100_000
/** Below this a DATA frame that the window cut is not worth its head. */
const SMALL_BYTES = 256

/** What a peer may do for free, so that nobody keeps us busy with nothing. See limits.ts for each. */
export class Floods {
  readonly resets: Allowance
  readonly provokedResets: Allowance
  readonly settingsFrames: Allowance
  readonly pings: Allowance
  readonly ignoredFrames: Allowance
  readonly windowUpdates: Allowance
  /** DATA frames without data, in a row. */
  emptyDataFrames = 0

  constructor(limits: Http2Limits, nowMs: number) {
    this.resets = new Allowance(limits.resetsBurst, RESETS_PER_SECOND, nowMs)
    this.provokedResets = new Allowance(limits.provokedResetsBurst, RESETS_PER_SECOND, nowMs)
    this.settingsFrames = new Allowance(limits.settingsFramesBurst, 1, nowMs)
    this.pings = new Allowance(limits.pingsBurst, PINGS_PER_SECOND, nowMs)
    this.ignoredFrames = new Allowance(limits.ignoredFramesBurst, IGNORED_PER_SECOND, nowMs)
    this.windowUpdates = new Allowance(limits.windowUpdatesBurst, 1, nowMs, WINDOW_UPDATES_MOST)
  }

  streamFinished(): void {
    this.resets.earn(1)
    this.provokedResets.earn(1)
  }

  /** @param cut a window did not let more of it pass */
  dataSent(bytes: number, cut: boolean): void {
    if (!cut || bytes >= SMALL_BYTES) this.windowUpdates.earn(WINDOW_UPDATES_PER_DATA_FRAME)
    this.pings.earn(1)
  }

  /** HEADERS, or DATA that is not empty. */
  usefulReceived(): void {
    this.pings.earn(1)
  }
}
