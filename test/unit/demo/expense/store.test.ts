import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { openDatabase } from '../../../../demo/expense/database.ts'
import { SEED } from '../../../../demo/expense/seed.ts'
import { createStore } from '../../../../demo/expense/store.ts'
import { DEMO_TRIP_ID, type Expense } from '../../../../demo/wire/expense.ts'

const QUIET = suppressTracing(ROOT_CONTEXT)
const EXPENSE: Expense = {
  id: '00000000-0000-4000-8000-000000000001',
  name: "Robert'); DROP TABLE expenses;--",
  tripId: 'trip-1',
  cost: 9.99,
  currency: 'EUR',
  date: '2026-05-01',
  reimbursable: false,
}

function open(t: TestContext, file = ':memory:') {
  const spans = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  const database = openDatabase(file, provider.getTracer('test'))
  t.after(() => database.close())
  return { store: createStore(database, QUIET, () => {}), spans, database }
}

test('a fresh store holds the demo trip, and an opened one is not given it again', t => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-store-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'expenses.db')
  const first = open(t, file).store
  assert.equal(first.byTrip(QUIET, DEMO_TRIP_ID).length, SEED.length)
  const gone = SEED[0]?.id ?? ''
  assert.equal(first.remove(QUIET, gone), true)
  assert.equal(open(t, file).store.byTrip(QUIET, DEMO_TRIP_ID).length, SEED.length - 1)
})

test('what is written is read back field by field, whatever text it holds', t => {
  const { store } = open(t)
  assert.deepEqual(store.insert(QUIET, EXPENSE), { status: 'written' })
  assert.deepEqual(store.byId(QUIET, EXPENSE.id), EXPENSE)
  assert.deepEqual(store.byTrip(QUIET, 'trip-1'), [EXPENSE])
})

test('an id is inserted once; only a known id is replaced or removed', t => {
  const { store } = open(t)
  assert.equal(store.replace(QUIET, EXPENSE).status, 'unknown')
  assert.equal(store.remove(QUIET, EXPENSE.id), false)
  store.insert(QUIET, EXPENSE)
  assert.equal(store.insert(QUIET, EXPENSE).status, 'taken')
  assert.equal(store.replace(QUIET, { ...EXPENSE, cost: 5 }).status, 'written')
  assert.equal(store.byId(QUIET, EXPENSE.id)?.cost, 5)
})

test('the only expense of a trip may change its currency; beside another it may not', t => {
  const { store } = open(t)
  store.insert(QUIET, EXPENSE)
  assert.equal(store.replace(QUIET, { ...EXPENSE, currency: 'USD' }).status, 'written')
  const second = { ...EXPENSE, id: '00000000-0000-4000-8000-000000000002', currency: 'USD' }
  store.insert(QUIET, second)
  assert.equal(store.replace(QUIET, { ...second, currency: 'EUR' }).status, 'refused')
  assert.equal(store.byId(QUIET, second.id)?.currency, 'USD')
})

test('a transaction that throws leaves nothing behind and the database usable', t => {
  const { store, database } = open(t)
  const broken = () => {
    store.remove(QUIET, SEED[0]?.id ?? '')
    throw new Error('midway')
  }
  assert.throws(() => database.transaction(broken), /midway/)
  assert.notEqual(store.byId(QUIET, SEED[0]?.id ?? ''), undefined)
  assert.equal(store.insert(QUIET, EXPENSE).status, 'written')
})

test('each statement is a client span named by verb and table, without the values', t => {
  const { store, spans } = open(t)
  assert.equal(spans.getFinishedSpans().length, 0, 'seeding is not traced')
  store.insert(ROOT_CONTEXT, EXPENSE)
  const names = spans.getFinishedSpans().map(({ name }) => name)
  assert.deepEqual(names, ['SELECT expenses', 'SELECT expenses', 'INSERT expenses'])
  for (const { attributes } of spans.getFinishedSpans()) {
    assert.equal(attributes['db.system'], 'sqlite')
    assert.doesNotMatch(String(attributes['db.statement']), /Robert|trip-1|9\.99/)
  }
})

test('a statement that fails marks its span as an error', t => {
  const { database, spans } = open(t)
  assert.throws(() => database.all(ROOT_CONTEXT, { name: 'SELECT nowhere', sql: 'SELECT * FROM nowhere' }))
  assert.throws(() =>
    database.run(ROOT_CONTEXT, { name: 'INSERT expenses', sql: 'INSERT INTO expenses (id) VALUES (?)' }, 'x'),
  )
  assert.deepEqual(
    spans.getFinishedSpans().map(({ status }) => status.code),
    [2, 2],
  )
})
