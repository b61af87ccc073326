import { type FileHandle, open } from 'node:fs/promises'
import type { SegmentLog } from './log.ts'
import { isBefore, type Position, samePosition } from './position.ts'
import { decodeRecords, type LogRecord, SEGMENT_MAGIC } from './record.ts'
import { countItems, type Items, noItems } from './segments.ts'

/** Records that follow each other in one segment. */
export interface Batch {
  from: Position
  end: Position
  records: LogRecord[]
  items: Items
  /** There is more than the limits allowed. */
  full: boolean
}

/** `lost`: what stood after a record that is no longer what was written; it was acknowledged and is gone. */
export type Reading =
  | { status: 'batch'; batch: Batch }
  | { status: 'none' }
  | { status: 'lost'; items: Items; at: Position }

export interface LogReader {
  readonly position: Position
  /** Items taken of the position's segment so far. */
  readonly consumed: Items
  /** Reads on from the position, but does not move it. */
  read(limits: { items: number; bytes: number }): Promise<Reading>
  /** Reads exactly the records from the position to `end`. */
  readUntil(end: Position): Promise<Reading>
  /** Moves the position behind a batch. */
  pass(batch: Batch): void
  close(): Promise<void>
}

/** Reads the log from a position that was durable once. Segments that are gone were passed by everyone: it goes on behind them. */
export async function logReader(log: SegmentLog, from: Position | undefined): Promise<LogReader> {
  let position = startOf(log, from)
  let consumed = noItems()
  const start = log.readable(position.segment)
  if (start) consumed = (await countItems(start.path, position.offset)).items
  let file: { number: number; handle: FileHandle } | undefined

  async function handleOf(number: number, path: string): Promise<FileHandle> {
    if (file?.number === number) return file.handle
    await file?.handle.close()
    file = undefined
    const handle = await open(path, 'r')
    file = { number, handle }
    return handle
  }

  /** The segment to read from, after moving on from one that is read to its end. */
  function current() {
    for (;;) {
      const segment = log.readable(position.segment)
      if (segment && position.offset < segment.endBytes) return segment
      if (segment && !segment.sealed) return undefined
      const next = log.segmentAfter(position.segment)
      if (next === undefined) return undefined
      position = { segment: next, offset: SEGMENT_MAGIC.length }
      consumed = noItems()
    }
  }

  async function readBytes(handle: FileHandle, at: number, bytes: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(bytes)
    const { bytesRead } = await handle.read(buffer, 0, bytes, at)
    return buffer.subarray(0, bytesRead)
  }

  /** Gives up on the rest of a segment. */
  function lose(endBytes: number, items: Items): Reading {
    const at = position
    const lost = noItems()
    for (const signal of Object.keys(lost) as (keyof Items)[]) lost[signal] = items[signal] - consumed[signal]
    consumed = { ...items }
    position = { segment: position.segment, offset: endBytes }
    return { status: 'lost', items: lost, at }
  }

  async function readSome(itemsMax: number, bytesMax: number, until: number): Promise<Reading> {
    const segment = current()
    if (!segment) return { status: 'none' }
    const from = position
    const left = Math.min(segment.endBytes, until) - from.offset
    const handle = await handleOf(from.segment, segment.path)
    let decoded = decodeRecords(await readBytes(handle, from.offset, Math.min(bytesMax, left)), itemsMax)
    if (decoded.records.length === 0 && decoded.rest === 'torn' && decoded.wantedBytes <= left)
      decoded = decodeRecords(await readBytes(handle, from.offset, Math.min(decoded.wantedBytes, left)), itemsMax)
    if (decoded.records.length === 0) return lose(segment.endBytes, segment.items)
    const items = noItems()
    for (const { kind, count } of decoded.records) if (kind !== 'probe') items[kind] += count
    const end = { segment: from.segment, offset: from.offset + decoded.bytes }
    const full = decoded.bytes < left || log.segmentAfter(from.segment) !== undefined
    return { status: 'batch', batch: { from, end, records: decoded.records, items, full } }
  }

  return {
    get position() {
      return position
    },
    get consumed() {
      return consumed
    },
    read: ({ items, bytes }) => readSome(items, bytes, Number.POSITIVE_INFINITY),
    async readUntil(end) {
      if (position.segment !== end.segment || !isBefore(position, end)) return { status: 'none' }
      const reading = await readSome(Number.POSITIVE_INFINITY, end.offset - position.offset, end.offset)
      return reading.status === 'batch' && !samePosition(reading.batch.end, end) ? { status: 'none' } : reading
    },
    pass(batch) {
      position = batch.end
      for (const signal of Object.keys(consumed) as (keyof Items)[]) consumed[signal] += batch.items[signal]
    },
    async close() {
      await file?.handle.close()
      file = undefined
    },
  }
}

function startOf(log: SegmentLog, from: Position | undefined): Position {
  const first = log.segmentAfter(0)
  const earliest = { segment: first ?? 0, offset: first === undefined ? 0 : SEGMENT_MAGIC.length }
  if (!from || from.segment < earliest.segment) return earliest
  const segment = log.readable(from.segment)
  if (!segment) return from
  return { segment: from.segment, offset: Math.min(Math.max(from.offset, SEGMENT_MAGIC.length), segment.endBytes) }
}
