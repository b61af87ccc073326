import assert from 'node:assert/strict'
import { until } from '../support/until.ts'
import type { Started } from './collector-harness.ts'

export const absent = 'the optional package chdb is not there for this platform'

/** Asks the store of a collector that has ended: nothing but its own engine may open the directory. */
export async function askStore<Row>(data: string, sql: string): Promise<Row[]> {
  const { startEngine } = await import('../../collector/ship/clickhouse/engine.ts')
  const { systemClock } = await import('../../runtime/clock.ts')
  const events = { opened() {}, ended() {}, failed() {}, resident() {} }
  const options = {
    directory: `${data}/clickhouse`,
    memoryBytesMax: 512 * 1024 ** 2,
    clock: systemClock,
    random: () => 0,
    events,
  }
  const started = await startEngine(options)
  assert.ok(started.status === 'started')
  try {
    const asked = await until(
      'an answer',
      () => started.store.query<Row>(sql),
      ({ status }) => status === 'ok',
    )
    return asked.status === 'ok' ? asked.rows : []
  } finally {
    await started.store.close()
  }
}

export async function ended({ child }: Started, signal: NodeJS.Signals): Promise<void> {
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill(signal)
  await gone
}
