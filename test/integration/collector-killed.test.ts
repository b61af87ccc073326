import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { afterEach, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import {
  bench,
  childrenOf,
  hasEngine,
  json,
  metric,
  nextId,
  postSpans,
  readiness,
  spanOf,
} from './collector-harness.ts'
import { absent, askStore, ended } from './collector-store-harness.ts'

const all = bench()
afterEach(() => all.end())

describe('the embedded ClickHouse', { timeout: 180_000 }, () => {
  it('and a Jaeger that is away: killed with -9 under load, neither misses a span that was acknowledged, and ClickHouse has each once', async t => {
    const data = all.directory()
    let alive = false
    const sink = await all.sink(() => (alive ? 202 : 503))
    // Small segments: what only Jaeger still needs stands in segments that ClickHouse has long passed.
    const flags = ['--jaeger', sink.url, '--segment-max', '64KiB']
    const acknowledged: string[] = []
    for (let round = 0; round < 3; round++) {
      const collector = await all.collector(data, ...flags)
      if (!(await hasEngine(collector))) return t.skip(absent)
      const shipped = () => metric(collector, 'shipper_shipped_total', { shipper: 'clickhouse', signal: 'span' })
      const enough = acknowledged.length + 3000
      const sender = async (): Promise<void> => {
        while (acknowledged.length < enough + 500) {
          const ids = Array.from({ length: 50 }, nextId)
          try {
            if (
              (
                await postSpans(
                  collector,
                  ids.map(id => spanOf(id)),
                )
              ).status === 202
            )
              acknowledged.push(...ids)
          } catch {
            return
          }
        }
      }
      const senders = Array.from({ length: 4 }, sender)
      await until(
        'spans acknowledged and some stored',
        async () => acknowledged.length >= enough && (await shipped()) > 500,
        Boolean,
        60_000,
      )
      await ended(collector, 'SIGKILL')
      await Promise.all(senders)
    }
    alive = true
    const last = await all.collector(data, ...flags)
    await until(
      'Jaeger has all',
      () => acknowledged.filter(id => !sink.ids.has(id)).length,
      missing => missing === 0,
      60_000,
    )
    await until(
      'nothing waits',
      () => metric(last, 'shipper_queued', { shipper: 'clickhouse' }),
      queued => queued === 0,
      60_000,
    )
    await ended(last, 'SIGTERM')
    const [counted] = await askStore<{ rows: number; ids: number }>(
      data,
      'SELECT count() AS rows, uniqExact(id) AS ids FROM trimtab.spans',
    )
    assert.ok(Number(counted!.ids) >= acknowledged.length, `${counted!.ids} of ${acknowledged.length}`)
    assert.equal(Number(counted!.rows), Number(counted!.ids), 'a batch that was sent twice is stored once')
  })

  it('killed, is begun anew; spans wait meanwhile and queries are answered from the recent window', async t => {
    const collector = await all.collector(all.directory())
    if (!(await hasEngine(collector))) return t.skip(absent)
    await until(
      'it is ready',
      async () => (await readiness(collector)).checks['clickhouse']?.ok,
      ok => ok === true,
    )
    const engine = childrenOf(collector.child.pid!)
    assert.equal(engine.length, 1)
    process.kill(engine[0]!, 'SIGKILL')
    const id = nextId()
    assert.equal((await postSpans(collector, [spanOf(id)])).status, 202)
    assert.equal((await json<unknown[]>(`http://${collector.zipkin}/api/v2/trace/aaaaaaaaaaaaaaaa${id}`)).length, 1)
    await until(
      'it is stored after all',
      () => metric(collector, 'shipper_shipped_total', { shipper: 'clickhouse', signal: 'span' }),
      count => count === 1,
    )
    assert.equal(await metric(collector, 'engine_ends_total'), 1)
    assert.equal((await readiness(collector)).checks['clickhouse']?.ok, true)
  })

  it('leaves no process behind when the collector is killed with -9', async t => {
    const collector = await all.collector(all.directory())
    if (!(await hasEngine(collector))) return t.skip(absent)
    const [engine] = childrenOf(collector.child.pid!)
    await ended(collector, 'SIGKILL')
    const lives = () => {
      try {
        // A zombie that nobody reaps has ended, too.
        return !/^State:\s+Z/m.test(readFileSync(`/proc/${engine}/status`, 'utf8'))
      } catch {
        return false
      }
    }
    await until('the engine is gone', lives, alive => !alive)
  })
})
