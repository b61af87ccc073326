import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { afterEach, test } from 'node:test'
import { until } from '../support/until.ts'
import { bench, json, metric, nextId, postSpans, readiness, spanOf } from './collector-harness.ts'

const all = bench()
const servers: ChildProcess[] = []
afterEach(async () => {
  await all.end()
  for (const server of servers.splice(0)) server.kill()
})

function isInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve('chdb')
    return true
  } catch {
    return false
  }
}
const skip = isInstalled() ? false : 'the optional package chdb is not there for this platform'

/** ClickHouse's HTTP interface, in a process of its own. */
async function clickHouse(): Promise<{ url: string; ask: (sql: string) => Promise<string> }> {
  const server = spawn(process.execPath, ['test/support/clickhouse-server.ts', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  servers.push(server)
  const line = await new Promise<string>(resolve => createInterface({ input: server.stdout! }).once('line', resolve))
  const url = `http://${line.split(' ').at(-1)}`
  return { url, ask: async sql => (await (await fetch(url, { method: 'POST', body: sql })).text()).trim() }
}

test('a ClickHouse server by URL gets the spans as rows, and answers for them', { skip }, async () => {
  const server = await clickHouse()
  const collector = await all.collector(all.directory(), '--clickhouse', server.url)
  await until(
    'the tables',
    async () => (await readiness(collector)).checks['clickhouse']?.ok,
    ok => ok === true,
  )
  const ids = [nextId(), nextId()]
  const hard = { tags: { quoted: `it's "v2" \\ ✓` } }
  const spans = ids.map((id, index) => spanOf(id, index === 0 ? hard : {}))
  assert.equal((await postSpans(collector, spans)).status, 202)
  await until(
    'the spans to be shipped',
    () => metric(collector, 'shipper_shipped_total', { shipper: 'clickhouse', signal: 'span' }),
    shipped => shipped === 2,
  )
  assert.equal(await metric(collector, 'shipper_retries_total', { shipper: 'clickhouse' }), 0)
  assert.equal(await server.ask('SELECT count() FROM trimtab.spans'), '2')
  const [first] = await json<{ tags: Record<string, string> }[]>(
    `http://${collector.zipkin}/api/v2/trace/aaaaaaaaaaaaaaaa${ids[0]}`,
  )
  assert.deepEqual(first?.tags, hard.tags)
})
