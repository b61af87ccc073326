import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Position } from './position.ts'

/** How far a shipper has come; `until`: the end of the batch that it was sending when it wrote this. */
export interface Progress {
  at: Position
  until: Position | undefined
}

/** A shipper's place in the log, durable. */
export interface Cursor {
  readonly progress: Progress | undefined
  save(progress: Progress): Promise<void>
  close(): Promise<void>
}

const SLOT_BYTES = 512
const SUFFIX = '.cursor'

/**
 * Opens a cursor file. It has two slots, written in turn and in place: a torn write spoils one, and the other stands;
 * and a full disk, which could not take a new file, still lets the shippers move on and free it.
 */
export async function openCursor(directory: string, name: string): Promise<Cursor> {
  await mkdir(directory, { recursive: true })
  const handle = await openSlots(join(directory, `${name}${SUFFIX}`))
  const slots = [await readSlot(handle, 0), await readSlot(handle, 1)]
  let generation = Math.max(slots[0]?.generation ?? 0, slots[1]?.generation ?? 0)
  let progress = slots.find(slot => slot && slot.generation === generation)?.progress
  return {
    get progress() {
      return progress
    },
    async save(next) {
      generation += 1
      await handle.write(slotOf(generation, next), 0, SLOT_BYTES, (generation % 2) * SLOT_BYTES)
      await handle.datasync()
      progress = next
    },
    close: () => handle.close(),
  }
}

/** The highest segment that any cursor of the directory names, also of shippers that are no longer set up. */
export async function highestSegment(directory: string): Promise<number> {
  await mkdir(directory, { recursive: true })
  let highest = 0
  for (const file of await readdir(directory)) {
    if (!file.endsWith(SUFFIX)) continue
    const cursor = await openCursor(directory, file.slice(0, -SUFFIX.length))
    highest = Math.max(highest, cursor.progress?.at.segment ?? 0, cursor.progress?.until?.segment ?? 0)
    await cursor.close()
  }
  return highest
}

async function openSlots(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const handle = await open(path, 'w+')
  await handle.write(Buffer.alloc(2 * SLOT_BYTES), 0, 2 * SLOT_BYTES, 0)
  await handle.sync()
  return handle
}

function slotOf(generation: number, { at, until }: Progress): Buffer {
  const slot = Buffer.alloc(SLOT_BYTES)
  const numbers = [generation, at.segment, at.offset, until?.segment ?? 0, until?.offset ?? 0]
  numbers.forEach((number, index) => {
    slot.writeDoubleLE(number, 8 + index * 8)
  })
  slot.writeUInt32LE(crc32(slot.subarray(8)), 0)
  return slot
}

async function readSlot(
  handle: FileHandle,
  index: number,
): Promise<{ generation: number; progress: Progress } | undefined> {
  const slot = Buffer.alloc(SLOT_BYTES)
  await handle.read(slot, 0, SLOT_BYTES, index * SLOT_BYTES)
  if (slot.readUInt32LE(0) !== crc32(slot.subarray(8))) return undefined
  const number = (at: number) => slot.readDoubleLE(8 + at * 8)
  const until = number(3) === 0 ? undefined : { segment: number(3), offset: number(4) }
  return { generation: number(0), progress: { at: { segment: number(1), offset: number(2) }, until } }
}
