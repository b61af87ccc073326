import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeRecords, headerAt, RECORD_HEADER_BYTES, SEGMENT_MAGIC, type Signal } from './record.ts'

/** Items by signal. */
export type Items = Record<Signal, number>

export const noItems = (): Items => ({ span: 0, traffic: 0, decision: 0 })

/** A segment that is complete: nothing is ever added to it. */
export interface SealedSegment {
  number: number
  sizeBytes: number
  items: Items
}

export interface Recovered {
  /** Names this log among all collectors, for as long as its directory lives. */
  logId: string
  segments: SealedSegment[]
  /** Bytes after the last whole record of the last segment, cut off: writes that were never acknowledged. */
  tornBytes: number
}

const CHUNK_BYTES = 1024 * 1024

export function segmentPath(directory: string, number: number): string {
  return join(directory, `${String(number).padStart(12, '0')}.segment`)
}

/**
 * Opens the log's directory after whatever happened: cuts the torn end of the last segment, removes segments without a record,
 * counts what is there. Earlier segments were sealed before the last one was begun; their records are checked when they are read.
 */
export async function recoverSegments(directory: string): Promise<Recovered> {
  await mkdir(directory, { recursive: true })
  const logId = await readLogId(directory)
  const numbers = (await readdir(directory))
    .map(name => /^(\d{12})\.segment$/.exec(name)?.[1])
    .filter(digits => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b)
  const segments: SealedSegment[] = []
  let tornBytes = 0
  for (const number of numbers) {
    const path = segmentPath(directory, number)
    if (number === numbers.at(-1)) tornBytes = await cutTornEnd(path)
    const counted = await countItems(path, Number.POSITIVE_INFINITY)
    if (counted.sizeBytes > SEGMENT_MAGIC.length) segments.push({ number, ...counted })
    else await unlink(path)
  }
  await syncDirectory(directory)
  return { logId, segments, tornBytes }
}

/** Makes what was created, renamed or removed in a directory survive a crash of the machine. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function readLogId(directory: string): Promise<string> {
  const path = join(directory, 'id')
  try {
    const id = (await readFile(path, 'utf8')).trim()
    if (/^[0-9a-f-]{36}$/.test(id)) return id
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const id = randomUUID()
  await writeFile(`${path}.new`, id, { flush: true })
  await rename(`${path}.new`, path)
  return id
}

/** Truncates a segment after its last whole and sound record; returns how many bytes went. */
async function cutTornEnd(path: string): Promise<number> {
  const handle = await open(path, 'r+')
  try {
    const { size } = await handle.stat()
    const sound = await soundBytes(handle, size)
    if (sound === size) return 0
    await handle.truncate(sound)
    await handle.sync()
    return size - sound
  } finally {
    await handle.close()
  }
}

async function soundBytes(handle: Awaited<ReturnType<typeof open>>, size: number): Promise<number> {
  const magic = Buffer.alloc(SEGMENT_MAGIC.length)
  await handle.read(magic, 0, magic.length, 0)
  if (!magic.equals(SEGMENT_MAGIC)) return 0
  let at = SEGMENT_MAGIC.length
  let chunkBytes = CHUNK_BYTES
  while (at < size) {
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, size - at))
    await handle.read(buffer, 0, buffer.length, at)
    const decoded = decodeRecords(buffer, Number.POSITIVE_INFINITY)
    at += decoded.bytes
    if (decoded.rest === 'corrupt' || at + decoded.wantedBytes > size) return at
    chunkBytes = Math.max(CHUNK_BYTES, decoded.wantedBytes)
  }
  return at
}

/** Adds up a segment's items by its record headers alone, up to an offset. `sizeBytes`: where the last whole record ends. */
export async function countItems(path: string, untilOffset: number): Promise<{ sizeBytes: number; items: Items }> {
  const items = noItems()
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const end = Math.min(size, untilOffset)
    const header = Buffer.alloc(RECORD_HEADER_BYTES)
    let at = SEGMENT_MAGIC.length
    while (at + RECORD_HEADER_BYTES <= end) {
      await handle.read(header, 0, header.length, at)
      const record = headerAt(header, 0)
      if (record.kind === undefined || at + record.end > end) break
      if (record.kind !== 'probe') items[record.kind] += record.count
      at += record.end
    }
    return { sizeBytes: at, items }
  } finally {
    await handle.close()
  }
}
