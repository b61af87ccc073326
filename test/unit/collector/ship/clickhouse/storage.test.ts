import assert from 'node:assert/strict'
import { it } from 'node:test'
import { migrations } from '../../../../../collector/ship/clickhouse/schema.ts'
import { migratedStorage } from '../../../../../collector/ship/clickhouse/storage.ts'
import { type Done, failureOf, type Store } from '../../../../../collector/ship/clickhouse/store.ts'
import { manualClock } from '../../../../support/manual-clock.ts'

const ok: Done = { status: 'ok' }

/** A ClickHouse that remembers what it was told; `fail` decides what it fails at. */
function fakeStore() {
  const commands: string[] = []
  const notes = { applied: 0 }
  let fail: (sql: string) => Done = () => ok
  const store: Store = {
    async insert() {
      return fail('INSERT')
    },
    async query<Row>(sql: string) {
      const failed = fail(sql)
      if (failed.status !== 'ok') return failed
      return { status: 'ok', rows: [{ version: notes.applied }] as Row[] }
    },
    async command(sql) {
      const failed = fail(sql)
      if (failed.status === 'ok') commands.push(sql)
      return failed
    },
    async close() {},
  }
  return { store, commands, notes, failWith: (how: typeof fail) => (fail = how) }
}

function opened(fake: ReturnType<typeof fakeStore>) {
  const clock = manualClock()
  const told: string[] = []
  const events = { ready: () => told.push('ready'), notReady: (reason: string) => told.push(reason) }
  const storage = migratedStorage(fake.store, { database: 'trimtab', retentionMs: 86_400_000, clock, events })
  return { storage, clock, told }
}

/** Lets everything that waits for nothing but promises run. */
const settle = () => new Promise(resolve => setImmediate(resolve))
const insert = { table: 'trimtab.spans', rows: Buffer.from('{}\n'), token: 't' }

it('asks nothing of ClickHouse before the tables are there, and says so', async () => {
  const fake = fakeStore()
  const { storage, told } = opened(fake)
  const early = await storage.insert(insert)
  assert.ok(early.status === 'away' && /not ready/.test(early.reason))
  await settle()
  assert.deepEqual(told, ['ready'])
  assert.equal(storage.problem, undefined)
  assert.deepEqual(await storage.insert(insert), ok)
})

it('applies what is missing in order, and nothing twice', async () => {
  const fresh = fakeStore()
  opened(fresh)
  await settle()
  const creates = (commands: readonly string[]) =>
    commands.filter(sql => /CREATE (TABLE|MATERIALIZED)/.test(sql)).length
  const all = migrations.flatMap(({ statements }) => statements('trimtab'))
  assert.equal(creates(fresh.commands), all.length + 1, 'all tables, and the table of migrations')
  const current = fakeStore()
  current.notes.applied = migrations.at(-1)!.version
  opened(current)
  await settle()
  assert.equal(creates(current.commands), 1)
})

it('tries again after a failure half way, also when nobody asks for anything', async () => {
  const fake = fakeStore()
  fake.failWith(sql => (/\.traffic/.test(sql) ? { status: 'away', reason: 'the disk is full' } : ok))
  const { storage, clock, told } = opened(fake)
  await settle()
  assert.match(storage.problem!, /the disk is full \(in: /)
  fake.failWith(() => ok)
  clock.advance(1000)
  await settle()
  assert.equal(told.at(-1), 'ready')
  assert.equal(storage.problem, undefined)
})

it('makes the tables anew when they went missing under way', async () => {
  const fake = fakeStore()
  const { storage } = opened(fake)
  await settle()
  const before = fake.commands.length
  const gone = failureOf({ code: '60', type: 'UNKNOWN_TABLE', message: 'Table trimtab.spans does not exist.' })
  fake.failWith(sql => (sql === 'INSERT' ? gone : ok))
  assert.equal((await storage.insert(insert)).status, 'away')
  await settle()
  assert.ok(fake.commands.length > before)
  fake.failWith(() => ok)
  assert.deepEqual(await storage.insert(insert), ok)
})

it('a question that asks for too much does not make ClickHouse look ill; a broken connection does', async () => {
  const fake = fakeStore()
  const { storage } = opened(fake)
  await settle()
  fake.failWith(() => failureOf({ code: '159', type: 'TIMEOUT_EXCEEDED', message: 'Timeout exceeded' }))
  assert.equal((await storage.query('SELECT 1')).status, 'away')
  assert.equal(storage.problem, undefined)
  fake.failWith(() => failureOf(new Error('connect ECONNREFUSED')))
  await storage.query('SELECT 1')
  assert.match(storage.problem!, /ECONNREFUSED/)
})

it('rows that cannot be read are refused for their content; a full disk, an unknown column or a dead server are not their fault', () => {
  const statusOf = (code: number) => failureOf({ code: String(code), message: '' }).status
  assert.deepEqual([117, 72, 25, 27].map(statusOf), ['refused', 'refused', 'refused', 'refused'])
  assert.deepEqual([243, 16, 60, 241, 999].map(statusOf), ['away', 'away', 'away', 'away', 'away'])
})
