import { appendFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ReceiveEvents } from '../events-receive.ts'

/** Two files of this size at most: the one in hand, and the one before. */
const FILE_BYTES_MAX = 8 * 1024 * 1024
/** Items that wait to be written; more at once are counted and left out. */
const WAITING_MAX = 2000
const ITEM_CHARS_MAX = 16 * 1024

export interface BadItem {
  /** Who refused it: `zipkin` (receiver), `jaeger` (shipper). */
  by: string
  signal: string
  reason: string
  item: string
}

export interface Quarantine {
  keep(bad: BadItem): void
  close(): Promise<void>
}

/** Keeps bad items with their reasons for a person to look at: quarantine.ndjson in the data directory, bounded, never in the way. */
export function quarantineIn(directory: string, wall: () => number, events: ReceiveEvents): Quarantine {
  const path = join(directory, 'quarantine.ndjson')
  let waiting: string[] = []
  let writing: Promise<void> | undefined

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const lines = waiting
      waiting = []
      try {
        const size = await stat(path).then(
          ({ size }) => size,
          () => 0,
        )
        if (size > FILE_BYTES_MAX) await rename(path, join(directory, 'quarantine.before.ndjson'))
        await appendFile(path, lines.join(''))
        events.quarantined(lines.length)
      } catch (error) {
        events.notQuarantined(lines.length, (error as Error).message)
      }
    }
    writing = undefined
  }

  return {
    keep({ by, signal, reason, item }) {
      if (waiting.length >= WAITING_MAX) return events.notQuarantined(1, `${WAITING_MAX} wait to be written already`)
      const time = new Date(wall()).toISOString()
      waiting.push(`${JSON.stringify({ time, by, signal, reason, item: item.slice(0, ITEM_CHARS_MAX) })}\n`)
      writing ??= write()
    },
    async close() {
      while (writing) await writing
    },
  }
}
