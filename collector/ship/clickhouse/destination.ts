import { type Destination, linesOf, type RefusedItem } from '../destination.ts'
import type { Signal } from '../log/record.ts'
import { type Sent, sendSplitting } from '../split.ts'
import type { Storage } from './storage.ts'

const tables: Record<Signal, string> = { span: 'spans', traffic: 'traffic', decision: 'decisions' }

/** Stores everything in ClickHouse: one insert a second and table, of 10,000 rows at most. */
export function clickHouseDestination(storage: Storage): Destination {
  async function insert(signal: Signal, rows: Buffer, token: string): Promise<Sent> {
    const done = await storage.insert({
      table: `${storage.database}.${tables[signal]}`,
      rows,
      token: `${token}/${signal}`,
    })
    if (done.status === 'ok') return { status: 'taken' }
    return { status: done.status === 'refused' ? 'refused' : 'retry', reason: done.reason }
  }

  return {
    name: 'clickhouse',
    signals: ['span', 'traffic', 'decision'],
    batchItemsMax: 10_000,
    batchBytesMax: 8 * 1024 * 1024,
    lingerMs: 1000,
    dedupes: true,
    async ship({ records }, token) {
      const refused: RefusedItem[] = []
      for (const signal of Object.keys(tables) as Signal[]) {
        const payloads = records.filter(({ kind }) => kind === signal).map(({ payload }) => payload)
        if (payloads.length === 0) continue
        // As long as nothing is refused, the lines go on as they lie in the log: nobody parses them before ClickHouse does.
        const whole = Buffer.concat(payloads)
        const sent = await insert(signal, whole, token)
        if (sent.status === 'retry') return sent
        if (sent.status === 'taken') continue
        const shipped = await sendSplitting(signal, linesOf(whole), (lines, part) =>
          insert(signal, Buffer.from(`${lines.join('\n')}\n`), `${token}/${part}`),
        )
        if (shipped.status === 'retry') return shipped
        refused.push(...shipped.refused)
      }
      return { status: 'shipped', refused }
    },
    close: () => storage.close(),
  }
}
