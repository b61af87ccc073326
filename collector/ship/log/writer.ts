// Hot path: group commit. One write and one fdatasync carry everything that was appended while the previous one ran.

import type { open as openFile } from 'node:fs/promises'
import { encodeRecord, type LogRecord, SEGMENT_MAGIC } from './record.ts'
import { type Items, noItems, segmentPath, syncDirectory } from './segments.ts'

export type OpenFile = typeof openFile

/** `durable`: on the disk, whatever happens now. `full`: no room; nothing of it was kept. `failed`: the disk refused for another reason. */
export type Appended = { status: 'durable' } | { status: 'full' | 'failed'; reason: string }

/** The segment that is being written. */
export interface OpenSegment {
  number: number
  /** Up to here everything is synced: readers go no further. */
  durableBytes: number
  items: Items
}

interface Waiting {
  buffers: Buffer[]
  bytes: number
  records: LogRecord[]
  done: (appended: Appended) => void
}

export interface SegmentWriter {
  append(records: LogRecord[]): Promise<Appended>
  /** Seals the segment in hand, when it holds anything; the next append begins another. */
  rotate(): Promise<void>
  /** Waits for what was appended, and closes. */
  close(): Promise<void>
  readonly segment: OpenSegment | undefined
  readonly queuedBytes: number
}

export interface WriterEvents {
  synced(bytes: number, records: number, tookMs: number): void
  sealed(segment: OpenSegment): void
}

/** One commit carries at most this much; what is left waits for the next. */
const COMMIT_BYTES_MAX = 16 * 1024 * 1024

interface WriterOptions {
  directory: string
  firstNumber: number
  segmentBytesMax: number
  now: () => number
  open: OpenFile
}

/** Writes records into numbered segments. A failed write leaves no trace: the segment is cut back to its synced end, or abandoned there. */
export function segmentWriter(options: WriterOptions, events: WriterEvents): SegmentWriter {
  const { directory, segmentBytesMax, now, open } = options
  let nextNumber = options.firstNumber
  let segment: OpenSegment | undefined
  let handle: Awaited<ReturnType<OpenFile>> | undefined
  let waiting: Waiting[] = []
  let queuedBytes = 0
  let sealWanted = false
  let working: Promise<void> | undefined

  async function begin(): Promise<OpenSegment> {
    const path = segmentPath(directory, nextNumber)
    const opened = await open(path, 'w')
    try {
      await writeAll(opened, SEGMENT_MAGIC, 0)
      await opened.sync()
      await syncDirectory(directory)
    } catch (error) {
      await opened.close().catch(() => {})
      throw error
    }
    handle = opened
    segment = { number: nextNumber, durableBytes: SEGMENT_MAGIC.length, items: noItems() }
    nextNumber += 1
    return segment
  }

  async function seal(): Promise<void> {
    const sealed = segment
    const opened = handle
    segment = undefined
    handle = undefined
    if (sealed) events.sealed(sealed)
    // What the segment holds is synced: a close that fails loses nothing but the handle.
    await opened?.close().catch(() => {})
  }

  function takeGroup(): Waiting[] {
    let bytes = 0
    let taken = 0
    while (taken < waiting.length && (taken === 0 || bytes + waiting[taken]!.bytes <= COMMIT_BYTES_MAX))
      bytes += waiting[taken++]!.bytes
    const group = waiting.slice(0, taken)
    waiting = waiting.slice(taken)
    return group
  }

  async function commit(group: Waiting[]): Promise<Appended> {
    const bytes = group.reduce((sum, { bytes: more }) => sum + more, 0)
    const startedAt = now()
    try {
      if (segment && segment.durableBytes > SEGMENT_MAGIC.length && segment.durableBytes + bytes > segmentBytesMax)
        await seal()
      const into = segment ?? (await begin())
      await writeAll(
        handle!,
        Buffer.concat(
          group.flatMap(({ buffers }) => buffers),
          bytes,
        ),
        into.durableBytes,
      )
      await handle!.datasync()
      into.durableBytes += bytes
      let records = 0
      for (const item of group)
        for (const { kind, count } of item.records) {
          records += 1
          if (kind !== 'probe') into.items[kind] += count
        }
      events.synced(bytes, records, now() - startedAt)
      return { status: 'durable' }
    } catch (error) {
      await takeBack()
      return failure(error)
    }
  }

  /** After a failed write or sync nobody knows what lies behind the synced end: cut it off, or leave the segment for good. */
  async function takeBack(): Promise<void> {
    if (!segment || !handle) return
    try {
      await handle.truncate(segment.durableBytes)
      await handle.sync()
    } catch {
      await seal()
    }
  }

  async function work(): Promise<void> {
    while (waiting.length > 0 || sealWanted) {
      if (sealWanted) {
        sealWanted = false
        if (segment && segment.durableBytes > SEGMENT_MAGIC.length) await seal()
        continue
      }
      const group = takeGroup()
      const appended = await commit(group)
      for (const item of group) {
        queuedBytes -= item.bytes
        item.done(appended)
      }
    }
    working = undefined
  }

  function workOn(): Promise<void> {
    working ??= Promise.resolve().then(work)
    return working
  }

  return {
    append(records) {
      return new Promise(done => {
        const buffers = records.flatMap(encodeRecord)
        const bytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
        waiting.push({ buffers, bytes, records, done })
        queuedBytes += bytes
        void workOn()
      })
    },
    rotate() {
      sealWanted = true
      return workOn()
    },
    async close() {
      while (working) await working
      await handle?.close()
    },
    get segment() {
      return segment
    },
    get queuedBytes() {
      return queuedBytes
    },
  }
}

async function writeAll(handle: Awaited<ReturnType<OpenFile>>, buffer: Buffer, at: number): Promise<void> {
  let written = 0
  while (written < buffer.length) {
    const { bytesWritten } = await handle.write(buffer, written, buffer.length - written, at + written)
    written += bytesWritten
  }
}

function failure(error: unknown): Appended {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? { status: 'full', reason: `the disk is full (${code})` }
    : { status: 'failed', reason: message }
}
