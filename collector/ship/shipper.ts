import type { Clock } from '../../runtime/clock.ts'
import type { ShipperEvents } from '../events-ship.ts'
import { backoffMs } from './backoff.ts'
import type { Destination, RefusedItem, Shipped } from './destination.ts'
import type { Cursor } from './log/cursor.ts'
import type { SegmentLog } from './log/log.ts'
import { formatPosition } from './log/position.ts'
import { type Batch, logReader } from './log/reader.ts'
import type { Items } from './log/segments.ts'

export interface Shipper {
  readonly name: string
  /** What it has not shipped yet, by signal. */
  queued(): Items
  /** `failing`: why the last try did not work. */
  state(): { failing: string | undefined; sinceMs: number }
  /** Stops; a batch under way gets `graceMs` to end. What is left is shipped after the next start. */
  close(graceMs: number): Promise<void>
}

interface ShipperOptions {
  destination: Destination
  log: SegmentLog
  cursor: Cursor
  clock: Clock
  random: () => number
  events: ShipperEvents
  quarantine: (item: RefusedItem) => void
}

/** Takes the log to one destination, in order, each batch as often as it needs, for as long as the disk allows. At least once. */
export async function runShipper(options: ShipperOptions): Promise<Shipper> {
  const { destination, log, cursor, clock, random, events, quarantine } = options
  const reader = await logReader(log, cursor.progress?.at)
  const limits = { items: destination.batchItemsMax, bytes: destination.batchBytesMax }
  const cut = new AbortController()
  const pause = pauses(clock)
  let closing = false
  let failing: string | undefined
  let failingSince = 0
  log.hold(destination.name, reader.position)
  log.onMore(pause.wake)
  events.began(log.itemsAfter(reader.position, reader.consumed))

  /** Sends one batch until it is through. False when the shipper was stopped before. */
  async function shipThrough(batch: Batch): Promise<boolean> {
    const token = `${log.id}/${formatPosition(batch.from)}-${batch.end.offset}`
    for (let attempt = 1; ; attempt++) {
      const startedAt = clock.now()
      const shipped = await tryOnce(batch, token)
      if (shipped.status === 'shipped') {
        for (const item of shipped.refused) quarantine(item)
        events.shipped(batch.items, shipped.refused, clock.now() - startedAt)
        if (failing !== undefined) events.recovered()
        failing = undefined
        return true
      }
      if (closing) return false
      if (failing === undefined) failingSince = clock.now()
      if (failing !== shipped.reason) events.failing(shipped.reason)
      failing = shipped.reason
      events.retried()
      await pause.forMs(backoffMs(attempt, random(), shipped.retryAfterMs))
      if (closing) return false
    }
  }

  async function tryOnce(batch: Batch, token: string): Promise<Shipped> {
    try {
      return await destination.ship(batch, token, cut.signal)
    } catch (error) {
      return { status: 'retry', reason: (error as Error).message }
    }
  }

  async function pass(batch: Batch): Promise<void> {
    reader.pass(batch)
    await saveProgress({ at: reader.position, until: undefined })
    log.hold(destination.name, reader.position)
  }

  /** A cursor that cannot be saved costs only that a batch may be sent twice after a crash. */
  async function saveProgress(progress: Parameters<Cursor['save']>[0]): Promise<void> {
    try {
      await cursor.save(progress)
    } catch (error) {
      events.cursorNotSaved((error as Error).message)
    }
  }

  async function shipOne(): Promise<'none' | 'some' | 'full'> {
    const reading = await reader.read(limits)
    if (reading.status === 'none') return 'none'
    if (reading.status === 'lost') {
      events.lost(reading.items, formatPosition(reading.at))
      return 'full'
    }
    if (destination.dedupes) await saveProgress({ at: reading.batch.from, until: reading.batch.end })
    if (await shipThrough(reading.batch)) await pass(reading.batch)
    return reading.batch.full ? 'full' : 'some'
  }

  /** The batch that was under way when the process died goes first, under its own token. */
  async function resume(): Promise<void> {
    const until = cursor.progress?.until
    if (!until) return
    const reading = await reader.readUntil(until)
    if (reading.status === 'batch' && (await shipThrough(reading.batch))) await pass(reading.batch)
  }

  async function run(): Promise<void> {
    await resume()
    while (!closing) {
      const done = await shipOne()
      if (done === 'none') await pause.untilWoken()
      if (done !== 'full') await pause.forMs(destination.lingerMs)
    }
  }

  /** Reading the log may fail, too (EIO): the loop begins again from its position. */
  async function runOn(): Promise<void> {
    while (!closing) {
      try {
        await run()
      } catch (error) {
        events.failing(`the log cannot be read: ${(error as Error).message}`)
        await pause.forMs(1000)
      }
    }
  }

  const running = runOn()
  return {
    name: destination.name,
    queued: () => log.itemsAfter(reader.position, reader.consumed),
    state: () => ({ failing, sinceMs: failing === undefined ? 0 : clock.now() - failingSince }),
    async close(graceMs) {
      closing = true
      pause.end()
      const cancel = clock.after(graceMs, () => cut.abort())
      await running
      cancel()
      await reader.close()
      await cursor.close()
      await destination.close()
    },
  }
}

interface Pauses {
  forMs(ms: number): Promise<void>
  untilWoken(): Promise<void>
  wake(): void
  end(): void
}

/** Pauses that end early when the shipper does. A wake that comes before its wait is not missed. */
function pauses(clock: Clock): Pauses {
  let woken = false
  let wakeWaiter: (() => void) | undefined
  let endPause: (() => void) | undefined
  let ended = false
  const wake = () => {
    woken = true
    wakeWaiter?.()
  }
  return {
    wake,
    end() {
      ended = true
      wake()
      endPause?.()
    },
    forMs: ms =>
      new Promise(resolve => {
        if (ended || ms <= 0) return resolve()
        const cancel = clock.after(ms, resolve)
        endPause = () => {
          cancel()
          resolve()
        }
      }),
    untilWoken: () =>
      new Promise(resolve => {
        const done = () => {
          woken = false
          wakeWaiter = undefined
          resolve()
        }
        if (woken || ended) done()
        else wakeWaiter = done
      }),
  }
}
