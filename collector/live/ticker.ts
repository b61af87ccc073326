import type { Tick } from '../../protocol/tick.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { LiveWindow } from './window.ts'

export const TICK_MS = 250

/** Takes a tick from the window every 250 ms and hands it to `onTick`; the returned function ends it. */
export function runTicks(window: LiveWindow, clock: Clock, onTick: (tick: Tick) => void): () => void {
  return clock.every(TICK_MS, () => onTick(window.tick(clock.now(), new Date(clock.wall()).toISOString())))
}
