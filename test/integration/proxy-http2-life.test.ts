import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, rawHttp2, session } from '../support/http2-clients.ts'
import { manualClock } from '../support/manual-clock.ts'
import { type HarnessSettings, harness, upstreamOf } from '../support/proxy-harness.ts'
import { answering, ok, origin } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'
import * as wire from '../unit/proxy/http2/frames.ts'

const isGoAway = ({ type }: wire.Frame) => type === wire.GOAWAY
const NO_ERROR = 0
const isPing = ({ type, flags }: wire.Frame) => type === wire.PING && flags === 0
const lastId = (frame: wire.Frame) => frame.payload.readUInt32BE(0)

/** Answers the PING that stands between the two GOAWAYs of a graceful end. */
async function pong(client: Awaited<ReturnType<typeof rawHttp2>>): Promise<void> {
  const { payload } = await client.frame('a PING', isPing)
  client.send(wire.frame(wire.PING, wire.ACK, 0, payload))
}

test('a listener that drains says GOAWAY twice; what comes between is answered, and the last stream ends the connection', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await rawHttp2(t, proxy.listener.address)
  client.send(wire.get(1))
  const first = await app.wire(0)
  await first.until('\r\n\r\n')

  proxy.listener.drain()
  const early = await client.frame('a GOAWAY', isGoAway)
  client.send(wire.get(3))
  const second = await app.wire(1)
  await pong(client)
  await until(
    'two GOAWAYs',
    () => client.frames.filter(isGoAway),
    goAways => goAways.length === 2,
  )
  first.send(ok('one'))
  second.send(ok('two'))
  await until('the end', () => client.closed, Boolean)

  const late = client.frames.filter(isGoAway)[1]!
  assert.deepEqual([lastId(early), lastId(late), late.payload.readUInt32BE(4)], [2 ** 31 - 1, 3, NO_ERROR])
  assert.deepEqual([(await client.head(1))[':status'], (await client.head(3))[':status']], ['200', '200'])
  assert.deepEqual(
    proxy.outcomes.map(({ outcome }) => outcome.flags),
    ['', ''],
  )
})

const endings: [
  title: string,
  limits: NonNullable<HarnessSettings['listener']>['limits'],
  requests: number,
  ms: number,
][] = [
  ['on which nothing is asked', { idleTimeoutMs: 5000 }, 1, 6000],
  ['older than the limit', { connectionAgeMaxMs: 5000 }, 1, 6000],
  ['that has carried its number of requests', { requestsPerConnectionMax: 3 }, 3, 0],
]
for (const [title, limits, requests, ms] of endings) {
  test(`a connection ${title} ends with a GOAWAY that loses nothing`, async t => {
    const clock = manualClock()
    const app = await origin(answering(() => ok('x')))
    const proxy = await harness({ clock, upstream: upstreamOf([app.address]), listener: { limits: limits! } })
    t.after(() => Promise.all([proxy.close(), app.close()]))
    const client = await rawHttp2(t, proxy.listener.address)
    for (let i = 0; i < requests; i++) {
      client.send(wire.get(i * 2 + 1))
      await client.head(i * 2 + 1)
    }

    if (ms > 0) clock.advance(ms - 2000)
    assert.equal(client.frames.some(isGoAway), ms === 0)
    clock.advance(ms === 0 ? 0 : 2000)
    await pong(client)
    await until('the end', () => client.closed, Boolean)

    const goAways = client.frames.filter(isGoAway)
    assert.deepEqual(goAways.map(lastId), [2 ** 31 - 1, requests * 2 - 1])
    assert.ok(goAways.every(({ payload }) => payload.readUInt32BE(4) === NO_ERROR))
  })
}

test('a connection with requests that wait is not idle; a client that is silent is asked, and dropped if it does not answer', async t => {
  const clock = manualClock()
  const app = await origin()
  const limits = { idleTimeoutMs: 5000, http2KeepaliveMs: 20_000 }
  const proxy = await harness({ clock, upstream: upstreamOf([app.address]), listener: { limits } })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const [living, dead] = [await rawHttp2(t, proxy.listener.address), await rawHttp2(t, proxy.listener.address)]
  for (const client of [living, dead]) client.send(wire.get(1))
  await app.wire(1)

  clock.advance(19_000)
  assert.equal(
    living.frames.some(({ type }) => type === wire.GOAWAY || type === wire.PING),
    false,
  )
  clock.advance(2000)
  await pong(living)
  await dead.frame('a PING', isPing)
  await until(
    'the answer to be read',
    () => clock.advance(1000),
    () => dead.closed,
  )

  assert.equal(living.closed, false)
  assert.equal(proxy.listener.stats.http2.limits.pingTimeoutMs, 1)
  assert.deepEqual(
    proxy.outcomes.map(({ outcome }) => outcome.flags),
    ['DC'],
  )
})

test('a body that stops coming is answered 408, but a gRPC stream may be silent for hours', async t => {
  const clock = manualClock()
  const app = await origin()
  const limits = { bodyTimeoutMs: 30_000, http2KeepaliveMs: 1e9 }
  const upstream = upstreamOf([app.address], { timeoutMs: 15_000 })
  const proxy = await harness({ clock, upstream, listener: { limits } })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await rawHttp2(t, proxy.listener.address)
  client.send(
    wire.post(1),
    wire.data(1, 'part'),
    wire.post(3, 'content-type', 'application/grpc'),
    wire.data(3, 'part'),
  )
  const wires = [await app.wire(0), await app.wire(1)]
  for (const carried of wires) await carried.until('part')

  clock.advance(31_000)
  assert.equal((await client.head(1))[':status'], '408')
  clock.advance(4 * 3_600_000)
  client.send(wire.data(3, ' and the rest', true))
  await until(
    'the rest',
    () => wires.map(({ received }) => received).join(''),
    text => text.includes(' and the rest'),
  )

  assert.deepEqual(
    proxy.outcomes.map(({ outcome }) => outcome.flags),
    ['DT'],
  )
})

test('a stream whose answer is not taken is reset after a while; one that takes it slowly is not', async t => {
  const clock = manualClock()
  const body = 'x'.repeat(200_000)
  const app = await origin(answering(() => ok(body)))
  const limits = { stallTimeoutMs: 60_000, http2KeepaliveMs: 1e9 }
  const proxy = await harness({ clock, upstream: upstreamOf([app.address]), listener: { limits } })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await rawHttp2(t, proxy.listener.address)
  client.send(wire.windowUpdate(0, 1_000_000), wire.get(1), wire.get(3))
  const bytesOf = (id: number) =>
    client.frames
      .filter(({ type, streamId }) => type === wire.DATA && streamId === id)
      .reduce((sum, { payload }) => sum + payload.length, 0)
  await until(
    'both windows full',
    () => [bytesOf(1), bytesOf(3)],
    ([a, b]) => a === 65_535 && b === 65_535,
  )

  clock.advance(40_000)
  client.send(wire.windowUpdate(3, 100))
  await until(
    'a little more',
    () => bytesOf(3),
    bytes => bytes === 65_635,
  )
  clock.advance(40_000)
  const reset = await client.frame('a reset', ({ type }) => type === wire.RST_STREAM)

  assert.equal(reset.streamId, 1)
  assert.equal(
    client.frames.some(({ type, streamId }) => type === wire.RST_STREAM && streamId === 3),
    false,
  )
  assert.equal(proxy.listener.stats.http2.limits.stalledStreamMs, 1)
  assert.equal(proxy.outcomes[0]!.outcome.flags, 'DC')
})

test('closing a listener lets what runs finish, and cuts off what does not within its grace', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await session(t, proxy.listener.address)
  const answer = ask(client, { ':path': '/', ':authority': 'a' })
  await app.wire(0)

  await proxy.listener.close(50)

  assert.notEqual((await answer).reset, '')
  assert.equal(proxy.outcomes[0]!.outcome.flags, 'DC')
})

test('a greeting that is not completed ends, and so does one that never begins', async t => {
  const clock = manualClock()
  const app = await origin()
  const limits = { headTimeoutMs: 1000, idleTimeoutMs: 5000, lingerMs: 0 }
  const proxy = await harness({ clock, upstream: upstreamOf([app.address]), listener: { limits } })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const [silent, half] = [
    await rawHttp2(t, proxy.listener.address, false),
    await rawHttp2(t, proxy.listener.address, false),
  ]
  half.send(wire.clientHello.subarray(0, 10))

  await until(
    'the half one to end',
    () => clock.advance(600),
    () => half.closed,
  )
  assert.equal(silent.closed, false)
  await until(
    'the silent one to end',
    () => clock.advance(2000),
    () => silent.closed,
  )

  assert.equal(proxy.listener.stats.cxActive, 0)
})
