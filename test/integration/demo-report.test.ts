import assert from 'node:assert/strict'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { DEMO_TRIP_ID } from '../../demo/wire/expense.ts'
import { callJson, startExpense, startReport } from '../unit/demo/support/services.ts'

const TRIP_PATH = `/api/report/trip/${DEMO_TRIP_ID}`

/** Something that stands where expense should be, and answers as told. */
async function startStandIn(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('v2 adds up a trip, and v3 adds what is paid back', async t => {
  const expense = await startExpense(t)
  const v2 = await startReport(t, expense.url, { version: 'v2' })
  const v3 = await startReport(t, expense.url, { version: 'v3' })
  const older = (await callJson('GET', v2.url + TRIP_PATH)).body as Record<string, unknown>
  const newer = (await callJson('GET', v3.url + TRIP_PATH)).body as Record<string, unknown>
  assert.deepEqual(Object.keys(older), ['tripId', 'expenses', 'total', 'numberOfExpenses'])
  assert.deepEqual([older['tripId'], older['total'], older['numberOfExpenses']], [DEMO_TRIP_ID, 986, 4])
  assert.deepEqual(newer, { ...older, totalReimbursable: 967.5 })
})

test("the version question is answered with expense's own plain text", async t => {
  const expense = await startExpense(t, { version: 'v2' })
  const { url } = await startReport(t, expense.url)
  const response = await fetch(`${url}/api/report/expense/version`)
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/)
  assert.equal(await response.text(), 'v2\n')
})

test('expense is asked under its host name, with the request id and both trace formats, and no other header of the caller', async t => {
  let seen: IncomingHttpHeaders = {}
  const standIn = await startStandIn(t, (request, response) => {
    seen = request.headers
    response.end('v1')
  })
  const { url } = await startReport(t, standIn)
  const traceId = '463ac35c9f6413ad48485a3953bb6124'
  await fetch(`${url}/api/report/expense/version`, {
    headers: { b3: `${traceId}-a2fb4a1d1a96d312-0`, 'x-request-id': 'abc-1', cookie: 'secret', 'x-debug': '1' },
  })
  assert.equal(seen.host, 'expense')
  assert.equal(seen['x-request-id'], 'abc-1')
  assert.equal(seen['x-b3-traceid'], traceId)
  assert.equal(seen['x-b3-sampled'], '0')
  assert.notEqual(seen['x-b3-spanid'], 'a2fb4a1d1a96d312')
  assert.equal(seen['traceparent'], `00-${traceId}-${seen['x-b3-spanid']}-00`)
  for (const left of ['b3', 'cookie', 'x-debug', 'x-b3-parentspanid']) assert.equal(seen[left], undefined, left)
})

test('an unknown trip is a 404 here as there, and a malformed one never reaches expense', async t => {
  const expense = await startExpense(t)
  const { url } = await startReport(t, expense.url)
  assert.equal((await callJson('GET', `${url}/api/report/trip/nowhere`)).status, 404)
  for (const trip of ['a%2F..%2F..%2Ffaults', 'a%0d%0aHost:%20x', '%00', 'x'.repeat(65)]) {
    assert.equal((await callJson('GET', `${url}/api/report/trip/${trip}`)).status, 400, trip)
  }
})

test('expense that is away is a 502, one that stays silent a 504, one that talks nonsense or too much a 502', async t => {
  const ask = async (expenseUrl: string, expenseTimeoutMs = 5_000) => {
    const { url } = await startReport(t, expenseUrl, { expenseTimeoutMs })
    const { status, body } = await callJson('GET', url + TRIP_PATH)
    return `${status} ${(body as { error: string }).error}`
  }
  const cutShort: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('[', () => response.destroy())
  }
  assert.equal(await ask('http://127.0.0.1:1'), '502 expense-unreachable')
  assert.equal(await ask(await startStandIn(t, () => undefined), 50), '504 expense-timeout')
  assert.equal(
    await ask(await startStandIn(t, (_request, response) => response.end('<html>'))),
    '502 expense-not-understood',
  )
  assert.equal(
    await ask(await startStandIn(t, (_request, response) => response.end('x'.repeat(2_000_000)))),
    '502 expense-too-large',
  )
  assert.equal(await ask(await startStandIn(t, cutShort)), '502 expense-unreachable')
})
