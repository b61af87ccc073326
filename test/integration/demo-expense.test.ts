import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DEMO_TRIP_ID, type Expense } from '../../demo/wire/expense.ts'
import { callJson, startExpense } from '../unit/demo/support/services.ts'

const DRAFT = { name: 'Dinner', tripId: 'trip-1', cost: 42.5, currency: 'EUR', date: '2026-04-01', reimbursable: true }
const UNKNOWN_ID = '00000000-0000-4000-8000-00000000dead'
type Failure = { error: string; message: string; problems?: string[] }

test('an expense is posted, read, replaced and deleted, and each step is seen by the next', async t => {
  const { url } = await startExpense(t)
  const posted = await fetch(`${url}/api/expense`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(DRAFT),
  })
  assert.equal(posted.status, 201)
  const created = (await posted.json()) as Expense
  assert.equal(posted.headers.get('location'), `/api/expense/${created.id}`)
  const one = `${url}/api/expense/${created.id}`
  assert.deepEqual(await callJson('GET', one), { status: 200, body: { ...DRAFT, id: created.id } })

  const changed = { ...created, cost: 40, reimbursable: false }
  assert.deepEqual(await callJson('PUT', one, changed), { status: 200, body: changed })
  assert.deepEqual(await callJson('GET', `${url}/api/expense/trip/trip-1`), { status: 200, body: [changed] })
  assert.equal(((await callJson('GET', `${url}/api/expense`)).body as Expense[]).length, 5)

  assert.deepEqual(await callJson('DELETE', one), { status: 204, body: undefined })
  for (const method of ['GET', 'DELETE']) assert.equal((await callJson(method, one)).status, 404, method)
  assert.equal((await callJson('PUT', one, changed)).status, 404)
})

test('GET /api tells the version as plain text', async t => {
  const { url } = await startExpense(t, { version: 'v2' })
  const response = await fetch(`${url}/api`)
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/)
  assert.equal(await response.text(), 'v2\n')
})

test('the demo trip is there from the start, and an unknown trip or id is a 404 that says so', async t => {
  const { url } = await startExpense(t)
  assert.equal(((await callJson('GET', `${url}/api/expense/trip/${DEMO_TRIP_ID}`)).body as Expense[]).length, 4)
  const trip = await callJson('GET', `${url}/api/expense/trip/nowhere`)
  assert.deepEqual([trip.status, (trip.body as Failure).error], [404, 'no-such-trip'])
  const id = await callJson('GET', `${url}/api/expense/${UNKNOWN_ID}`)
  assert.deepEqual([id.status, (id.body as Failure).error], [404, 'no-such-expense'])
  assert.equal((await callJson('GET', `${url}/api/nothing`)).status, 404)
})

test('every fault of a body is named at once, and nothing is written', async t => {
  const { url } = await startExpense(t)
  const wrong = { ...DRAFT, name: '', cost: '12', currency: 'euro', date: '2026-02-30', colour: 'red' }
  const { status, body } = await callJson('POST', `${url}/api/expense`, wrong)
  assert.equal(status, 400)
  const problems = (body as Failure).problems?.join('\n') ?? ''
  for (const named of ['name', 'cost', 'currency', 'date', '"colour"']) assert.match(problems, new RegExp(named))
  assert.equal(((await callJson('GET', `${url}/api/expense`)).body as Expense[]).length, 4)
})

test('broken JSON is 400, a body without JSON type 415, a body above the limit 413, a wrong id 400', async t => {
  const { url } = await startExpense(t)
  const post = (type: string, body: string) =>
    fetch(`${url}/api/expense`, { method: 'POST', headers: { 'content-type': type }, body }).then(
      ({ status }) => status,
    )
  assert.equal(await post('application/json', '{"name":'), 400)
  assert.equal(await post('application/json', ''), 400)
  assert.equal(await post('application/json', '{"__proto__":{}}'), 400)
  assert.equal(await post('application/x-www-form-urlencoded', 'name=x'), 415)
  assert.equal(await post('application/json', JSON.stringify({ ...DRAFT, name: 'x'.repeat(70_000) })), 413)
  assert.equal((await callJson('GET', `${url}/api/expense/not-an-id`)).status, 400)
  assert.equal(
    (await callJson('PUT', `${url}/api/expense/${UNKNOWN_ID}`, { ...DRAFT, id: UNKNOWN_ID.replace('d', 'e') })).status,
    400,
  )
})

test('an id that is taken and a second currency in a trip are 409', async t => {
  const { url } = await startExpense(t)
  assert.equal((await callJson('POST', `${url}/api/expense`, { ...DRAFT, id: UNKNOWN_ID })).status, 201)
  assert.equal((await callJson('POST', `${url}/api/expense`, { ...DRAFT, id: UNKNOWN_ID })).status, 409)
  const mixed = await callJson('POST', `${url}/api/expense`, { ...DRAFT, currency: 'USD' })
  assert.deepEqual([mixed.status, (mixed.body as Failure).error], [409, 'currency'])
})

test('what was written to a file is there after a restart', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-expense-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const dataFile = join(folder, 'expenses.db')
  const first = await startExpense(t, { dataFile })
  await callJson('POST', `${first.url}/api/expense`, { ...DRAFT, id: UNKNOWN_ID })
  await first.service.stop()
  const { url } = await startExpense(t, { dataFile })
  assert.equal((await callJson('GET', `${url}/api/expense/${UNKNOWN_ID}`)).status, 200)
})
