import { open as openFile, unlink } from 'node:fs/promises'
import type { LogEvents } from '../../events-ship.ts'
import type { Position } from './position.ts'
import type { LogRecord } from './record.ts'
import { type Items, noItems, recoverSegments, type SealedSegment, segmentPath } from './segments.ts'
import { type Appended, type OpenFile, type OpenSegment, segmentWriter } from './writer.ts'

/** What a reader may read of a segment. */
export interface ReadableSegment {
  path: string
  endBytes: number
  /** Nothing will be added to it. */
  sealed: boolean
  items: Items
}

export type LogState = { ok: true } | { ok: false; reason: string }

/** The write-ahead log of everything acknowledged: whole until every holder has passed it. */
export interface SegmentLog {
  readonly id: string
  readonly directory: string
  append(records: LogRecord[]): Promise<Appended>
  readable(number: number): ReadableSegment | undefined
  /** The first segment after a number; 0 asks for the first of all. */
  segmentAfter(number: number): number | undefined
  /** Everything that stands after a position, by signal; `consumed`: what was taken of its segment already. */
  itemsAfter(position: Position, consumed: Items): Items
  /** A holder needs nothing before this position. Segments that no holder needs are deleted. */
  hold(holder: string, position: Position): void
  /** Calls back whenever more can be read. */
  onMore(wake: () => void): void
  /** Finds out whether a disk that refused takes bytes again. */
  probe(): Promise<void>
  state(): LogState
  readonly bytes: number
  rotate(): Promise<void>
  close(): Promise<void>
}

export interface LogOptions {
  directory: string
  segmentBytesMax: number
  diskBytesMax: number
  /** New segments are numbered above this: no reader's position may ever mean another segment than it was made for. */
  numbersAbove: number
  now: () => number
  open?: OpenFile
}

export async function openLog(options: LogOptions, events: LogEvents): Promise<SegmentLog> {
  const { directory, diskBytesMax, now } = options
  const recovered = await recoverSegments(directory)
  events.recovered(recovered.segments.length, recovered.tornBytes)
  const sealed = new Map<number, SealedSegment>(recovered.segments.map(segment => [segment.number, segment]))
  const holders = new Map<string, Position>()
  const wakes: (() => void)[] = []
  let sealedBytes = recovered.segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  let failure: string | undefined
  /** The last append found no room; until something fits again, or much has gone, there is none to speak of. */
  let refusing = false

  const writer = segmentWriter(
    {
      directory,
      firstNumber: Math.max(options.numbersAbove, recovered.segments.at(-1)?.number ?? 0) + 1,
      segmentBytesMax: Math.min(options.segmentBytesMax, Math.floor(diskBytesMax / 4)),
      now,
      open: options.open ?? openFile,
    },
    {
      synced(bytes, records, tookMs) {
        events.synced(bytes, records, tookMs)
        for (const wake of wakes) wake()
      },
      sealed({ number, durableBytes, items }: OpenSegment) {
        sealed.set(number, { number, sizeBytes: durableBytes, items })
        sealedBytes += durableBytes
        for (const wake of wakes) wake()
        deletePassed()
      },
    },
  )

  const bytesHeld = () => sealedBytes + (writer.segment?.durableBytes ?? 0) + writer.queuedBytes

  function deletePassed(): void {
    for (const { number, sizeBytes } of sealed.values()) {
      if (![...holders.values()].every(at => at.segment > number || (at.segment === number && at.offset >= sizeBytes)))
        continue
      sealed.delete(number)
      sealedBytes -= sizeBytes
      unlink(segmentPath(directory, number)).catch(error => events.notDeleted(number, (error as Error).message))
    }
  }

  function noteOutcome(appended: Appended): Appended {
    const before = failure
    failure = appended.status === 'durable' ? undefined : appended.reason
    if (failure !== undefined && before === undefined) events.writeFailed(failure)
    if (failure === undefined && before !== undefined) events.writesAgain()
    return appended
  }

  return {
    id: recovered.logId,
    directory,
    async append(records) {
      const bytes = records.reduce((sum, { payload }) => sum + payload.length, 0)
      if (bytesHeld() + bytes > diskBytesMax) {
        refusing = true
        // The segment in hand counts, too: sealed, it can go as soon as it has been shipped.
        await writer.rotate()
        return { status: 'full', reason: fullReason(bytesHeld(), diskBytesMax) }
      }
      const appended = noteOutcome(await writer.append(records))
      if (appended.status === 'durable') refusing = false
      if (appended.status === 'full') await writer.rotate()
      return appended
    },
    readable(number) {
      const path = segmentPath(directory, number)
      const known = sealed.get(number)
      if (known) return { path, endBytes: known.sizeBytes, sealed: true, items: known.items }
      const open = writer.segment
      if (open?.number !== number) return undefined
      return { path, endBytes: open.durableBytes, sealed: false, items: open.items }
    },
    segmentAfter(number) {
      let next: number | undefined
      for (const candidate of sealed.keys())
        if (candidate > number && (next === undefined || candidate < next)) next = candidate
      return next ?? (writer.segment && writer.segment.number > number ? writer.segment.number : undefined)
    },
    itemsAfter(position, consumed) {
      const total = noItems()
      const add = (number: number, items: Items) => {
        if (number < position.segment) return
        for (const signal of Object.keys(total) as (keyof Items)[])
          total[signal] += items[signal] - (number === position.segment ? consumed[signal] : 0)
      }
      for (const { number, items } of sealed.values()) add(number, items)
      if (writer.segment) add(writer.segment.number, writer.segment.items)
      return total
    },
    hold(holder, position) {
      holders.set(holder, position)
      deletePassed()
    },
    onMore(wake) {
      wakes.push(wake)
    },
    async probe() {
      if (failure !== undefined)
        noteOutcome(await writer.append([{ kind: 'probe', count: 0, payload: Buffer.alloc(4096, 10) }]))
    },
    state() {
      if (failure !== undefined) return { ok: false, reason: failure }
      const held = bytesHeld()
      return held < diskBytesMax * (refusing ? 0.8 : 0.99)
        ? { ok: true }
        : { ok: false, reason: fullReason(held, diskBytesMax) }
    },
    get bytes() {
      return bytesHeld()
    },
    rotate: () => writer.rotate(),
    close: () => writer.close(),
  }
}

function fullReason(bytes: number, diskBytesMax: number): string {
  return `the segment log holds ${bytes} of ${diskBytesMax} bytes that are not shipped yet: see /ready for the shipper that is behind, or raise --disk-max`
}
