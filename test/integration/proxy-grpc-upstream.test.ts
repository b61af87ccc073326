import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { type StatusObject, status } from '@grpc/grpc-js'
import type { Retries } from '../../protocol/snapshot.ts'
import { type GrpcApp, grpcApp, grpcClient } from '../support/grpc.ts'
import { http2Origin } from '../support/http2-origin.ts'
import { type HarnessSettings, harness, upstreamOf } from '../support/proxy-harness.ts'
import { until } from '../support/until.ts'

const retries: Retries = {
  attempts: 2,
  on: ['unavailable'],
  statusCodes: [],
  perTryTimeoutMs: 0,
  budget: 0.2,
  budgetPerSecond: 10,
  backoffBaseMs: 0,
  backoffMaxMs: 0,
}
const fuse = {
  intervalMs: 10_000,
  maxFailures: 3,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjected: 1,
  panicBelow: 0,
}

async function between(t: TestContext, addresses: string[], settings: Partial<HarnessSettings> = {}) {
  const proxy = await harness({ upstream: upstreamOf(addresses, { protocol: 'grpc' }), ...settings })
  const client = grpcClient(proxy.listener.address)
  t.after(() => {
    client.close()
    return proxy.close()
  })
  return { proxy, client }
}

async function appOf(t: TestContext, handlers: Parameters<typeof grpcApp>[0] = {}): Promise<GrpcApp> {
  const app = await grpcApp(handlers)
  t.after(() => app.close())
  return app
}

test('a call that ends with a status the conditions name is tried elsewhere, though it is a POST', async t => {
  const bad = await appOf(t, { say: (_, answer) => answer({ code: status.UNAVAILABLE, details: 'restarting' }) })
  const good = await appOf(t)
  const upstream = upstreamOf([bad.address, good.address], { protocol: 'grpc', retries })
  const { proxy, client } = await between(t, [], { upstream })

  const said = await client.say('hello')

  assert.deepEqual([said.code, said.reply], [status.OK, 'hello'])
  const { exchange } = proxy.outcomes[0]!
  assert.deepEqual([exchange.attempts, exchange.rescued], [2, true])
  assert.deepEqual(
    proxy.attempts.map(({ endpointId, grpcStatus }) => [endpointId, grpcStatus]),
    [
      ['e0', status.UNAVAILABLE],
      ['e1', status.OK],
    ],
  )
})

test('a status that no condition names is passed on, and so is any status where no retry is asked for', async t => {
  const app = await appOf(t, { say: (_, answer) => answer({ code: status.INTERNAL, details: 'no' }) })
  const upstream = upstreamOf([app.address], { protocol: 'grpc', retries })
  const { client } = await between(t, [], { upstream })

  const said = await client.say('hello')

  assert.deepEqual([said.code, said.details, app.calls.length], [status.INTERNAL, 'no', 1])
})

test("statuses that are the server's fault blow the fuse, those of the caller do not", async t => {
  let code = status.NOT_FOUND
  const app = await appOf(t, { say: (_, answer) => answer({ code, details: '' }) })
  const upstream = upstreamOf([app.address], { protocol: 'grpc', passiveHealthCheck: fuse })
  const { proxy, client } = await between(t, [], { upstream })
  const [endpoint] = [...proxy.sender.clusters()[0]!.endpoints]

  for (let n = 0; n < 5; n++) await client.say('hello')
  assert.deepEqual([endpoint!.state, endpoint!.rqSuccess], ['healthy', 5])
  code = status.INTERNAL
  for (let n = 0; n < 3; n++) await client.say('hello')

  assert.deepEqual(
    [endpoint!.state, endpoint!.rqError, endpoint!.why],
    ['fused', 3, '3 failures in a row (grpc status INTERNAL) >= 3'],
  )
  assert.equal((await client.say('hello')).code, status.UNAVAILABLE)
})

test('an error in the trailers of a stream counts as one in a head does', async t => {
  const app = await appOf(t, {
    chat(call) {
      call.write(Buffer.from('one'))
      call.emit('error', { code: status.DATA_LOSS, details: 'torn' })
    },
  })
  const upstream = upstreamOf([app.address], { protocol: 'grpc', passiveHealthCheck: fuse })
  const { proxy, client } = await between(t, [], { upstream })
  const [endpoint] = [...proxy.sender.clusters()[0]!.endpoints]
  const chat = client.chat()
  chat.on('error', () => {})
  chat.on('data', () => {})

  const ended = await new Promise<StatusObject>(resolve => chat.on('status', resolve))

  assert.equal(ended.code, status.DATA_LOSS)
  assert.deepEqual([endpoint!.rqError, endpoint!.rqSuccess, proxy.attempts[0]!.grpcStatus], [1, 0, status.DATA_LOSS])
})

test('grpc-timeout is the deadline, and what is left of it is told onward', async t => {
  const app = await http2Origin({})
  const { proxy, client } = await between(t, [app.address])
  t.after(() => app.close())

  const said = await client.say('hello', { deadlineMs: 300 })

  assert.equal(said.code, status.DEADLINE_EXCEEDED)
  const value = app.calls[0]!.head.fields[app.calls[0]!.head.fields.indexOf('grpc-timeout') + 1]!
  assert.match(value, /^\d+m$/)
  const leftMs = Number(value.slice(0, -1))
  assert.ok(leftMs > 0 && leftMs <= 300, value)
  await until('its end', () => app.calls[0]!.broken !== undefined && proxy.outcomes.length === 1, Boolean, 5000)
})

test('a call whose time is over at the proxy hears DEADLINE_EXCEEDED', async t => {
  const app = await http2Origin({})
  const upstream = upstreamOf([app.address], { protocol: 'grpc', timeoutMs: 150 })
  const { client } = await between(t, [], { upstream })
  t.after(() => app.close())

  const said = await client.say('hello')

  assert.equal(said.code, status.DEADLINE_EXCEEDED)
  assert.match(said.details, /^upstream-timeout: /)
})

test('a stream outlasts the timeout of its upstream once it has begun, if its caller named no deadline', async t => {
  const app = await appOf(t, {
    chat(call) {
      call.on('data', () => {})
      call.on('end', () => call.write(Buffer.from('first')))
    },
    say() {},
  })
  const upstream = upstreamOf([app.address], { protocol: 'grpc', timeoutMs: 200 })
  const { proxy, client } = await between(t, [], { upstream })
  const chat = client.chat()
  chat.on('error', () => {})
  let status_: unknown
  chat.on('status', given => {
    status_ = given
  })
  chat.end()
  await once(chat, 'data')

  // Its time began later, and is over: so would the stream's be.
  const later = await client.say('hello')

  assert.equal(later.code, status.DEADLINE_EXCEEDED)
  assert.equal(status_, undefined)
  assert.equal(proxy.sender.active, 1)
  chat.cancel()
})
