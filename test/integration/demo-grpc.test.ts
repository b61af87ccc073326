import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import {
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { pino } from 'pino'
import { createExpense } from '../../demo/expense/expense.ts'
import { DEMO_TRIP_ID, type Expense } from '../../demo/wire/expense.ts'
import { type Change, ExpensesClient, type Trip } from '../../demo/wire/expense-grpc.ts'
import { formatAddress } from '../../runtime/address.ts'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { until } from '../support/until.ts'
import { startZipkinSink } from '../unit/demo/support/zipkin-sink.ts'

const anyPort = { host: '127.0.0.1', port: 0 }

/** A client of the expense service, through two proxies that speak HTTP/2 with each other. */
async function throughTheMesh(t: TestContext, zipkinUrl?: string) {
  const settings = { version: 'v2' as const, listen: anyPort, metrics: anyPort, zipkinUrl, dataFile: undefined }
  const service = createExpense({ ...settings, grpc: anyPort }, { log: pino({ level: 'silent' }), random: () => 0 })
  const { address, beside } = await service.start()
  const inner = await harness({ upstream: upstreamOf([formatAddress(beside!)], { protocol: 'grpc' }) })
  const outer = await harness({ upstream: upstreamOf([formatAddress(inner.listener.address)], { protocol: 'grpc' }) })
  const client = new ExpensesClient(formatAddress(outer.listener.address), credentials.createInsecure())
  t.after(async () => {
    client.close()
    await Promise.all([outer.close(), inner.close(), service.stop()])
  })
  return { client, http: `http://${formatAddress(address)}`, outer, inner }
}

function call<T>(client: Client, method: string, request: object, metadata = new Metadata()): Promise<T> {
  const methods = client as unknown as Record<
    string,
    (request: object, metadata: Metadata, done: (error: ServiceError | null, answer: T) => void) => void
  >
  return new Promise((resolve, reject) =>
    methods[method]!.call(client, request, metadata, (error, answer) =>
      error === null ? resolve(answer) : reject(error),
    ),
  )
}

test('GetTrip sums a trip up, and says NOT_FOUND of one that nobody knows', async t => {
  const { client, outer } = await throughTheMesh(t)

  const trip = await call<Trip>(client, 'GetTrip', { tripId: DEMO_TRIP_ID })
  const unknown = await call<Trip>(client, 'GetTrip', { tripId: 'x' }).catch((error: ServiceError) => error)

  assert.deepEqual([trip.tripId, trip.servedBy, trip.expenses > 0, trip.cost > 0], [DEMO_TRIP_ID, 'v2', true, true])
  assert.ok('code' in unknown)
  assert.deepEqual([unknown.code, unknown.details], [status.NOT_FOUND, 'No expense of a trip x is on record.'])
  assert.deepEqual(
    outer.outcomes.map(({ exchange }) => exchange.grpcStatus),
    [status.OK, status.NOT_FOUND],
  )
})

test('ListByTrip streams what HTTP lists', async t => {
  const { client, http } = await throughTheMesh(t)

  const stream = (client as unknown as { ListByTrip(request: object): ClientReadableStream<Expense> }).ListByTrip({
    tripId: DEMO_TRIP_ID,
  })
  const listed: Expense[] = []
  for await (const expense of stream) listed.push(expense)

  assert.deepEqual(listed, await (await fetch(`${http}/api/expense/trip/${DEMO_TRIP_ID}`)).json())
})

test('Watch tells changes of the trips that are named on it, as they are made by HTTP', async t => {
  const { client, http } = await throughTheMesh(t)
  const watch = (client as unknown as { Watch(): ClientDuplexStream<object, Change> }).Watch()
  const changes: Change[] = []
  watch.on('data', change => changes.push(change))
  watch.write({ tripId: DEMO_TRIP_ID })
  await until(
    'to be watching',
    () => changes.length,
    count => count === 1,
  )

  const [first] = (await (await fetch(`${http}/api/expense/trip/${DEMO_TRIP_ID}`)).json()) as Expense[]
  await fetch(`${http}/api/expense/${first!.id}`, { method: 'DELETE' })
  await until(
    'the change',
    () => changes.length,
    count => count === 2,
  )
  watch.end()
  const [ended] = await once(watch, 'status')

  assert.deepEqual(
    changes.map(({ kind, expenseId }) => [kind, expenseId]),
    [
      ['WATCHING', ''],
      ['REMOVED', first!.id],
    ],
  )
  assert.equal(ended.code, status.OK)
})

test('the trace of a caller goes on in the service: B3 in the metadata', async t => {
  const sink = await startZipkinSink(t)
  const { client } = await throughTheMesh(t, sink.url)
  const metadata = new Metadata()
  metadata.set('b3', '463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-1')

  await call<Trip>(client, 'GetTrip', { tripId: DEMO_TRIP_ID }, metadata)
  const spans = await sink.until(found => found.some(({ kind }) => kind === 'SERVER'))
  const server = spans.find(({ kind }) => kind === 'SERVER')!
  assert.equal(server.name.toLowerCase(), 'trimtab.demo.expense.v1.expenses/gettrip')
  assert.deepEqual(
    [server.traceId, server.parentId, server.tags['rpc.system'], server.tags['grpc.status_code']],
    ['463ac35c9f6413ad48485a3953bb6124', 'a2fb4a1d1a96d312', 'grpc', '0'],
  )
})
