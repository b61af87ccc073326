import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { Metadata, type StatusObject, status } from '@grpc/grpc-js'
import { type GrpcApp, grpcApp, grpcClient } from '../support/grpc.ts'
import { type HarnessSettings, harness, upstreamOf } from '../support/proxy-harness.ts'
import { until } from '../support/until.ts'

async function between(t: TestContext, app: GrpcApp, settings: Partial<HarnessSettings> = {}) {
  const proxy = await harness({ upstream: upstreamOf([app.address], { protocol: 'grpc' }), ...settings })
  const client = grpcClient(proxy.listener.address)
  t.after(() => {
    client.close()
    app.close()
    return proxy.close()
  })
  return { proxy, client }
}

test('a unary call passes with its metadata, and its status is noted from the trailers', async t => {
  const app = await grpcApp()
  const { proxy, client } = await between(t, app)

  const said = await client.say('hello', { metadata: { 'x-user': 'ada' } })

  assert.deepEqual([said.code, said.reply], [status.OK, 'hello'])
  assert.deepEqual(app.calls[0]!.get('x-user'), ['ada'])
  const { exchange, outcome } = proxy.outcomes[0]!
  assert.deepEqual([exchange.grpc, exchange.grpcStatus, outcome.status, outcome.flags], [true, 0, 200, ''])
})

test('an error of the application comes as it is: status, message and trailers', async t => {
  const app = await grpcApp({
    say(_, answer) {
      const metadata = new Metadata()
      metadata.set('x-hint', 'use another id')
      answer({ code: status.NOT_FOUND, details: 'no trip 42 – gone', metadata })
    },
  })
  const { proxy, client } = await between(t, app)

  const said = await client.say('hello')

  assert.deepEqual([said.code, said.details], [status.NOT_FOUND, 'no trip 42 – gone'])
  assert.deepEqual(said.metadata.get('x-hint'), ['use another id'])
  assert.equal(proxy.outcomes[0]!.exchange.grpcStatus, status.NOT_FOUND)
})

test('a call that the proxy ends hears a gRPC status with the reason, not a page', async t => {
  const app = await grpcApp()
  const { proxy, client } = await between(t, app, { upstream: upstreamOf(['127.0.0.1:9'], { protocol: 'grpc' }) })

  const said = await client.say('hello')

  assert.equal(said.code, status.UNAVAILABLE)
  assert.match(said.details, /^connect-failure: could not connect to expense v1 at 127\.0\.0\.1:9: /)
  assert.deepEqual(said.metadata.get('x-trimtab-reason'), ['connect-failure'])
  const { exchange, outcome } = proxy.outcomes[0]!
  assert.deepEqual([exchange.grpcStatus, outcome.flags], [status.UNAVAILABLE, 'UF'])
})

test('a bidirectional stream carries ten thousand messages in order, and ends when both sides have', async t => {
  const app = await grpcApp()
  const { proxy, client } = await between(t, app)
  const chat = client.chat()
  const echoes: string[] = []
  chat.on('data', message => echoes.push(String(message)))

  for (let i = 0; i < 10_000; i++) if (!chat.write(Buffer.from(String(i)))) await once(chat, 'drain')
  chat.end()
  const [ended] = await once(chat, 'status')

  assert.equal(ended.code, status.OK)
  assert.deepEqual(
    echoes,
    Array.from({ length: 10_000 }, (_, i) => String(i)),
  )
  assert.equal(proxy.outcomes[0]!.exchange.grpcStatus, 0)
})

test('a client that keeps its connection alive by pings, with a stream that is silent, is left in peace', async t => {
  const app = await grpcApp()
  const { proxy } = await between(t, app)
  const client = grpcClient(proxy.listener.address, {
    'grpc.keepalive_time_ms': 20,
    'grpc.keepalive_timeout_ms': 5000,
  })
  t.after(() => client.close())
  const chat = client.chat()
  chat.write(Buffer.from('one'))
  await once(chat, 'data')

  await until(
    'fifty pings',
    () => proxy.listener.stats.http2.pingsReceived,
    pings => pings >= 50,
  )

  chat.write(Buffer.from('two'))
  assert.equal(String((await once(chat, 'data'))[0]), 'two')
  assert.equal(proxy.listener.stats.http2.connectionErrors, 0)
  chat.cancel()
  await once(chat, 'error')
})

test('a call that its client cancels is cancelled at the application', async t => {
  const cancelled = Promise.withResolvers<void>()
  const app = await grpcApp({ say: call => call.on('cancelled', () => cancelled.resolve()) })
  const { proxy, client } = await between(t, app)
  const call = client.sayCall('hello')
  await until(
    'the call',
    () => app.calls.length,
    calls => calls === 1,
  )

  call.cancel()
  await cancelled.promise

  await until(
    'its end',
    () => proxy.outcomes.map(({ outcome }) => outcome.flags),
    flags => flags.length === 1,
  )
  assert.equal(proxy.outcomes[0]!.outcome.flags, 'DC')
})

test('a stream that breaks off behind its first messages ends with a status that says so, after all that came', async t => {
  const app = await grpcApp()
  const { proxy, client } = await between(t, app)
  const chat = client.chat()
  chat.on('error', () => {})
  chat.write(Buffer.from('one'))
  assert.equal(String((await once(chat, 'data'))[0]), 'one')

  const over = new Promise<StatusObject>(resolve => chat.on('status', resolve))
  app.close()
  const ended = await over

  assert.equal(ended.code, status.UNAVAILABLE)
  assert.match(ended.details, /^upstream-reset: expense v1 at 127\.0\.0\.1:\d+ broke off: /)
  const { exchange, outcome } = proxy.outcomes[0]!
  assert.deepEqual([exchange.grpcStatus, outcome.status, outcome.flags], [status.UNAVAILABLE, 200, 'UC'])
})

test('a message of several megabytes comes back whole', async t => {
  const app = await grpcApp()
  const { client } = await between(t, app)
  const message = 'trip '.repeat(1_000_000)

  const said = await client.say(message)

  assert.deepEqual([said.code, said.reply === message], [status.OK, true])
})
