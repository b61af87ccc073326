// Hot path: everything that is accepted passes `keep`.

import type { Receiver } from '../events-receive.ts'
import type { LogRecord, Signal } from '../ship/log/record.ts'
import type { Appended } from '../ship/log/writer.ts'

/** A record holds about this much: large enough to cost little, small enough to make batches of the wished size. */
const RECORD_CHARS = 256 * 1024
const RECORD_ITEMS_MAX = 1000

export type Kept =
  | { status: 'durable' }
  | { status: 'refused'; code: 429 | 503; reason: string; retryAfterSeconds: number }

/** Takes lines into the log; the promise fulfils once they are safe, or says that they are not. */
export type Keep = (receiver: Receiver, signal: Signal, lines: readonly string[]) => Promise<Kept>

interface IntakeOptions {
  append: (records: LogRecord[]) => Promise<Appended>
  accepted: (receiver: Receiver, signal: Signal, count: number) => void
  refused: (receiver: Receiver, signal: Signal, count: number, reason: string) => void
}

/** The one way into the log. */
export function intake({ append, accepted, refused }: IntakeOptions): Keep {
  return async (receiver, signal, lines) => {
    if (lines.length === 0) return { status: 'durable' }
    const appended = await append(recordsOf(signal, lines))
    if (appended.status === 'durable') {
      accepted(receiver, signal, lines.length)
      return { status: 'durable' }
    }
    refused(receiver, signal, lines.length, appended.reason)
    return appended.status === 'full'
      ? { status: 'refused', code: 429, reason: appended.reason, retryAfterSeconds: 5 }
      : { status: 'refused', code: 503, reason: `the disk refuses: ${appended.reason}`, retryAfterSeconds: 5 }
  }
}

function recordsOf(signal: Signal, lines: readonly string[]): LogRecord[] {
  const records: LogRecord[] = []
  let from = 0
  let chars = 0
  for (let at = 0; at < lines.length; at++) {
    chars += lines[at]!.length + 1
    if (chars < RECORD_CHARS && at - from + 1 < RECORD_ITEMS_MAX && at < lines.length - 1) continue
    const part = lines.slice(from, at + 1)
    records.push({ kind: signal, count: part.length, payload: Buffer.from(`${part.join('\n')}\n`) })
    from = at + 1
    chars = 0
  }
  return records
}
