import type { Shipped } from './destination.ts'
import type { Signal } from './log/record.ts'

/** What a destination says to some lines: `refused` when their content is at fault, without telling which. */
export type Sent =
  | { status: 'taken' }
  | { status: 'refused'; reason: string }
  | { status: 'retry'; reason: string; retryAfterMs?: number }

/**
 * Sends lines; when their content is refused, sends halves, down to the single lines that are at fault, so that one bad item
 * costs only itself. `part` names the lines within the batch: equal parts come under equal names when the batch is sent again.
 */
export async function sendSplitting(
  signal: Signal,
  lines: readonly string[],
  send: (lines: readonly string[], part: string) => Promise<Sent>,
  from = 0,
): Promise<Shipped> {
  const sent = await send(lines, `${from}+${lines.length}`)
  if (sent.status === 'taken') return { status: 'shipped', refused: [] }
  if (sent.status === 'retry') return sent
  if (lines.length === 1) return { status: 'shipped', refused: [{ signal, line: lines[0]!, reason: sent.reason }] }
  const middle = Math.ceil(lines.length / 2)
  const first = await sendSplitting(signal, lines.slice(0, middle), send, from)
  if (first.status === 'retry') return first
  const second = await sendSplitting(signal, lines.slice(middle), send, from + middle)
  if (second.status === 'retry') return second
  return { status: 'shipped', refused: [...first.refused, ...second.refused] }
}
