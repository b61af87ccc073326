import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { manualClock } from '../support/manual-clock.ts'
import { addressOfNobody } from '../support/nobody.ts'
import { upstreamOf } from '../support/proxy-harness.ts'
import { dial, origin } from '../support/proxy-sockets.ts'
import { retriesAtOnce, tcpHarness } from '../support/tcp-harness.ts'
import { until } from '../support/until.ts'

const tcp = { protocol: 'tcp' as const }
const IDLE_MS = 3_600_000
const retries = { ...retriesAtOnce, attempts: 2 }

test('a connection through which nothing passes is closed after the idle time, and not before', async t => {
  const app = await origin(wire => wire.send('hello'))
  t.after(() => app.close())
  const clock = manualClock()
  const { listener, connections } = await tcpHarness(t, upstreamOf([app.address], { ...tcp, idleTimeoutMs: IDLE_MS }), {
    clock,
  })
  const client = await dial(listener.address)
  await client.until('hello')
  clock.advance(IDLE_MS - 1000)
  client.send('still here')
  await (await app.wire(0)).until('still here')
  clock.advance(IDLE_MS - 1000)
  const endedEarly = client.ended

  clock.advance(2000)

  await client.closed()
  await (await app.wire(0)).closed()
  assert.deepEqual([endedEarly, connections[0]?.failure?.flag, listener.stats.tcp.idleTimeout], [false, 'SI', 1])
})

test('a connection is told to be taken when its far end speaks, with the time that it took to stand', async t => {
  const app = await origin(wire => wire.send('hello'))
  t.after(() => app.close())
  const { listener, taken, attempts } = await tcpHarness(t, upstreamOf([app.address], tcp))
  const client = await dial(listener.address)

  await client.until('hello')

  assert.deepEqual([taken.length, taken[0]?.status, taken[0]?.failure], [1, 0, undefined])
  assert.deepEqual([attempts.length, attempts[0]?.endpointId, attempts[0]?.failure], [1, 'e0', undefined])
  client.socket.destroy()
})

test('a connection whose two ends are silent is told to be taken once its far end has had the time to refuse it', async t => {
  const app = await origin()
  t.after(() => app.close())
  const clock = manualClock()
  const { listener, taken, connections } = await tcpHarness(t, upstreamOf([app.address], tcp), { clock })
  await dial(listener.address)
  await until(
    'the relay',
    () => connections[0]?.relay,
    relay => relay !== undefined,
  )
  clock.advance(1900)
  const early = taken.length

  clock.advance(300)

  assert.deepEqual([early, taken.length, taken[0]?.failure], [0, 1, undefined])
})

test('a far end that ends the connection before it said anything has failed, as a gateway does', async t => {
  const app = await origin(wire => void wire.socket.end())
  t.after(() => app.close())
  const { listener, taken, sender } = await tcpHarness(t, upstreamOf([app.address], tcp))
  const client = await dial(listener.address)

  await client.closed()

  assert.equal(taken[0]?.failure?.flag, 'UF')
  assert.equal([...sender.clusters()[0]!.endpoints][0]!.rqError, 1)
  client.socket.destroy()
})

test('a far end that resets the connection before it said anything has denied it: no failure, as a 403 is none', async t => {
  const app = await origin(wire => void wire.socket.once('data', () => wire.reset()))
  t.after(() => app.close())
  const { listener, taken, connections, sender } = await tcpHarness(t, upstreamOf([app.address], tcp))
  const client = await dial(listener.address)

  client.send('let me in')
  await client.closed()

  await until(
    'the verdict',
    () => taken.length,
    length => length === 1,
  )
  assert.deepEqual([taken[0]?.status, taken[0]?.failure, connections[0]?.failure?.flag], [403, undefined, 'UC'])
  const [endpoint] = sender.clusters()[0]!.endpoints
  assert.deepEqual([endpoint!.rqError, endpoint!.rqSuccess, endpoint!.rqActive], [0, 0, 0])
})

test('a host that takes no connection is left for another at once, and judged', async t => {
  const app = await origin(wire => wire.send('hello'))
  t.after(() => app.close())
  const endpoints = [await addressOfNobody(), app.address]
  const fuse = {
    intervalMs: 1000,
    maxFailures: 1,
    baseEjectionMs: 30_000,
    maxEjectionMs: 30_000,
    maxEjected: 1,
    panicBelow: 0,
  }
  const upstream = upstreamOf(endpoints, { ...tcp, retries, passiveHealthCheck: fuse })
  const { listener, attempts, taken, sender } = await tcpHarness(t, upstream)
  const client = await dial(listener.address)

  await client.until('hello')

  assert.deepEqual(
    attempts.map(({ endpointId, failure }) => [endpointId, failure?.flag]),
    [
      ['e0', 'UF'],
      ['e1', undefined],
    ],
  )
  assert.equal(taken[0]?.failure, undefined)
  assert.equal(sender.clusters()[0]!.stats.ejectionsActive, 1)
  client.socket.destroy()
})

test('without a try left the client sees an end, and what is told is the last failure', async t => {
  const upstream = upstreamOf([await addressOfNobody()], { ...tcp, retries: { ...retries, attempts: 1 } })
  const { listener, attempts, taken, connections } = await tcpHarness(t, upstream)
  const client = await dial(listener.address)

  assert.equal(await client.closed(), '')

  assert.deepEqual([attempts.length, taken.length, taken[0]?.failure?.flag], [2, 1, 'UF'])
  assert.match(connections[0]!.failure!.detail, /could not connect to expense v1 at 127\.0\.0\.1:\d+: .*ECONNREFUSED/)
  client.socket.destroy()
})

test('a host that does not answer is given up after the connect time', async t => {
  const clock = manualClock()
  const upstream = upstreamOf(['127.0.0.1:9'], { ...tcp, connectTimeoutMs: 500 })
  const { listener, attempts, sender } = await tcpHarness(t, upstream, { clock, connect: () => new Socket() })
  const client = await dial(listener.address)
  await until(
    'a dial',
    () => sender.clusters()[0]!.stats.cxActive,
    active => active === 1,
  )

  clock.advance(600)

  await client.closed()
  assert.equal(attempts[0]?.failure?.flag, 'UF')
  client.socket.destroy()
})

test('an upstream without an endpoint that can be used closes the connection', async t => {
  const { listener, taken } = await tcpHarness(t, upstreamOf([], tcp))
  const client = await dial(listener.address)

  await client.closed()

  assert.equal(taken[0]?.failure?.flag, 'UH')
  client.socket.destroy()
})

for (const [limit, said] of [
  ['maxConnections', 'limit maxConnections'],
  ['maxPending', 'limit maxPending'],
] as const)
  test(`past ${limit} a connection is closed at once`, async t => {
    const app = await origin()
    t.after(() => app.close())
    const limits = { maxConnections: 9, maxPending: 9, maxRequests: 9, maxRetries: 9, [limit]: 0 }
    const { listener, connections } = await tcpHarness(t, upstreamOf([app.address], { ...tcp, limits }))
    const client = await dial(listener.address)

    await client.closed()

    assert.equal(connections[0]?.failure?.flag, 'UO')
    assert.match(connections[0]!.failure!.detail, new RegExp(said))
    client.socket.destroy()
  })

test('a client that leaves while its host is dialled takes nothing with it', async t => {
  const app = await origin(wire => wire.send('hello'))
  t.after(() => app.close())
  const { listener, connections, taken, sender } = await tcpHarness(t, upstreamOf([app.address], tcp))
  const clients: Socket[] = []
  for (let n = 0; n < 50; n++) {
    const client = await dial(listener.address)
    client.reset()
    clients.push(client.socket)
  }

  await until(
    'all are over',
    () => connections.filter(({ over }) => !over).length,
    left => left === 0,
  )

  const { stats, endpoints } = sender.clusters()[0]!
  await until(
    'no connection is left',
    () => stats.cxActive,
    active => active === 0,
  )
  assert.deepEqual([stats.rqActive, stats.rqPending, [...endpoints][0]!.rqActive], [0, 0, 0])
  assert.ok(taken.length <= connections.length)
})

test('a removed upstream leaves its connections standing', async t => {
  const app = await origin(({ socket }) => void socket.pipe(socket))
  t.after(() => app.close())
  const { listener, sender } = await tcpHarness(t, upstreamOf([app.address], tcp))
  const client = await dial(listener.address)
  client.send('before')
  await client.until('before')

  sender.reconcile(new Map())
  client.send('after')

  await client.until('after')
  client.socket.destroy()
})

test('bytes are counted on both sides', async t => {
  const app = await origin(wire => wire.socket.on('data', () => wire.send('12345')))
  t.after(() => app.close())
  const { listener, sender, connections } = await tcpHarness(t, upstreamOf([app.address], tcp))
  const client = await dial(listener.address)

  client.send('123')
  await client.until('12345')

  const { rxBytes, txBytes } = listener.stats.tcp
  assert.deepEqual([rxBytes, txBytes, connections[0]?.received, connections[0]?.sent], [3, 5, 3, 5])
  assert.deepEqual({ ...sender.clusters()[0]!.stats.tcp }, { rxBytes: 5, txBytes: 3, idleTimeout: 0 })
  client.socket.destroy()
})
