import type { Batch } from './log/reader.ts'
import type { Signal } from './log/record.ts'

/** An item that a destination refuses for its content: trying again would not help. */
export interface RefusedItem {
  signal: Signal
  line: string
  reason: string
}

/** `shipped`: the destination has all of it, save the refused items. `retry`: it may have any part of it; the batch is to be sent again. */
export type Shipped =
  | { status: 'shipped'; refused: RefusedItem[] }
  | { status: 'retry'; reason: string; retryAfterMs?: number }

/** Where records go. */
export interface Destination {
  readonly name: string
  /** What it takes; other records are passed over. */
  readonly signals: readonly Signal[]
  readonly batchItemsMax: number
  readonly batchBytesMax: number
  /** How long to gather while there is less than a full batch. */
  readonly lingerMs: number
  /** The same batch always comes under the same token, also after a crash: what was stored under it is not stored twice. */
  readonly dedupes: boolean
  ship(batch: Batch, token: string, signal: AbortSignal): Promise<Shipped>
  close(): Promise<void>
}

/** The lines of a payload; each ends with a newline. */
export function linesOf(payload: Buffer): string[] {
  const text = payload.toString('utf8')
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}
