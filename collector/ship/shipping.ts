import type { Clock } from '../../runtime/clock.ts'
import type { Check, Checks } from '../../runtime/ops.ts'
import type { ShipEvents } from '../events-ship.ts'
import type { Destination, RefusedItem } from './destination.ts'
import { highestSegment, openCursor } from './log/cursor.ts'
import { openLog, type SegmentLog } from './log/log.ts'
import { runShipper, type Shipper } from './shipper.ts'

interface ShippingOptions {
  directory: string
  segmentBytesMax: number
  diskBytesMax: number
  destinations: readonly Destination[]
  clock: Clock
  random: () => number
  events: ShipEvents
  quarantine: (shipper: string, item: RefusedItem) => void
}

/** The log with everyone who takes from it. */
export interface Shipping {
  readonly append: SegmentLog['append']
  checks(): Checks
  close(graceMs: number): Promise<void>
}

/** How often a disk that refuses is asked whether it takes bytes again. */
const PROBE_MS = 1000
/** A destination that fails for less is having a moment. */
const FAILING_MS = 2000

/** Opens the log and sets a shipper to work for each destination; each has a place in the log of its own. */
export async function startShipping(options: ShippingOptions): Promise<Shipping> {
  const { directory, clock, random, events } = options
  const cursors = `${directory}/cursors`
  const log = await openLog(
    {
      directory: `${directory}/log`,
      segmentBytesMax: options.segmentBytesMax,
      diskBytesMax: options.diskBytesMax,
      numbersAbove: await highestSegment(cursors),
      now: clock.now,
    },
    events.log,
  )
  // Everyone's claim stands before anyone begins: the first to tell how far it is would else let go of what the next still needs.
  for (const { name } of options.destinations) log.hold(name, { segment: 0, offset: 0 })
  const shippers: { shipper: Shipper; signals: readonly string[] }[] = []
  for (const destination of options.destinations) {
    const shipper = await runShipper({
      destination,
      log,
      cursor: await openCursor(cursors, destination.name),
      clock,
      random,
      events: events.shipper(destination.name, destination.signals),
      quarantine: item => options.quarantine(destination.name, item),
    })
    shippers.push({ shipper, signals: destination.signals })
  }
  events.log.watch(() => log.bytes)
  events.watchQueues(() =>
    shippers.map(({ shipper, signals }) => ({ name: shipper.name, queued: shipper.queued(), signals })),
  )
  // With nobody to take from it, nothing would ever be let go: what is durable is passed at once.
  if (shippers.length === 0) log.onMore(() => log.hold('nobody', { segment: Number.MAX_SAFE_INTEGER, offset: 0 }))
  const stopProbing = clock.every(PROBE_MS, () => void log.probe())

  const shipperCheck = ({ shipper }: (typeof shippers)[number]): Check => {
    const { failing, sinceMs } = shipper.state()
    const queued = Object.entries(shipper.queued())
      .filter(([, count]) => count > 0)
      .map(([signal, count]) => `${count} ${signal}s`)
    const waiting = queued.length === 0 ? 'nothing waits' : `${queued.join(', ')} wait`
    return {
      ok: failing === undefined || sinceMs < FAILING_MS,
      required: false,
      detail: failing === undefined ? waiting : `${failing}; ${waiting}, nothing is lost`,
    }
  }
  return {
    append: log.append,
    checks() {
      const state = log.state()
      return {
        log: {
          ok: state.ok,
          required: true,
          detail: state.ok ? `${log.bytes} of ${options.diskBytesMax} bytes` : state.reason,
        },
        ...Object.fromEntries(shippers.map(one => [one.shipper.name, shipperCheck(one)])),
      }
    },
    async close(graceMs) {
      stopProbing()
      await Promise.all(shippers.map(({ shipper }) => shipper.close(graceMs)))
      await log.close()
    },
  }
}
