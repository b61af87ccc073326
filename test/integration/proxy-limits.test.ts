import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PassiveHealthCheck } from '../../protocol/snapshot.ts'
import { manualClock } from '../support/manual-clock.ts'
import { type Harness, harness, upstreamOf } from '../support/proxy-harness.ts'
import { answering, dial, ok, origin, type Wire } from '../support/proxy-sockets.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const fuse: PassiveHealthCheck = {
  intervalMs: 10_000,
  maxFailures: 3,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjected: 0.5,
  panicBelow: 0.5,
}
const limits = { maxConnections: 100, maxPending: 100, maxRequests: 1000, maxRetries: 100 }
const bad = 'HTTP/1.1 500 x\r\ncontent-length: 3\r\n\r\nbad'

const turn = () => new Promise(resolve => setImmediate(resolve))

/** One request on its own connection; its answer's status. */
async function ask(proxy: Harness, request = GET): Promise<number> {
  const client = await dial(proxy.listener.address)
  client.send(request)
  const answer = await client.until('\r\n\r\n')
  client.socket.destroy()
  return Number(answer.slice(9, 12))
}

test('maxRequests: one more is answered at once with UO', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address], { limits: { ...limits, maxRequests: 1 } }) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const first = await dial(proxy.listener.address)
  first.send(GET)
  const wire = await app.wire(0)
  await wire.until('\r\n\r\n')

  assert.equal(await ask(proxy), 503)

  assert.equal(proxy.outcomes[0]!.outcome.flags, 'UO')
  wire.send(ok('fine'))
  await first.until('fine')
  assert.equal(proxy.sender.clusters()[0]!.stats.rqOverflow, 1)
})

test('maxConnections: the next request waits for a connection, and past maxPending is answered with UO', async t => {
  const app = await origin()
  const upstream = upstreamOf([app.address], { limits: { ...limits, maxConnections: 1, maxPending: 1 } })
  const proxy = await harness({ upstream })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const { stats } = proxy.sender.clusters()[0]!
  const one = await dial(proxy.listener.address)
  one.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n')
  const wire = await app.wire(0)
  await wire.until('/1')
  const two = await dial(proxy.listener.address)
  two.send('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
  while (stats.rqPending === 0) await turn()

  assert.equal(await ask(proxy), 503)
  wire.send(ok('first'))
  await one.until('first')
  await wire.until('/2')
  wire.send(ok('second'))
  await two.until('second')

  assert.equal(app.wires.length, 1)
  assert.deepEqual([stats.rqPendingOverflow, stats.rqPending, stats.rqActive, stats.cxActive], [1, 0, 0, 1])
})

test('at the limit an idle connection of another endpoint makes place', async t => {
  const apps = await Promise.all([origin(answering(() => ok('a'))), origin(answering(() => ok('b')))])
  const upstream = upstreamOf(
    apps.map(({ address }) => address),
    { limits: { ...limits, maxConnections: 1 } },
  )
  const proxy = await harness({ upstream })
  t.after(() => Promise.all([proxy.close(), ...apps.map(app => app.close())]))

  assert.deepEqual([await ask(proxy), await ask(proxy), await ask(proxy)], [200, 200, 200])

  const { stats } = proxy.sender.clusters()[0]!
  assert.deepEqual([stats.cxTotal, stats.cxActive], [3, 1])
})

test('a client that leaves while it waits for a connection leaves the queue', async t => {
  const app = await origin()
  const upstream = upstreamOf([app.address], { limits: { ...limits, maxConnections: 1 } })
  const proxy = await harness({ upstream })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const { stats } = proxy.sender.clusters()[0]!
  const one = await dial(proxy.listener.address)
  one.send(GET)
  await app.wire(0)
  const two = await dial(proxy.listener.address)
  two.send(GET)
  while (stats.rqPending === 0) await turn()

  two.reset()
  while (stats.rqPending > 0) await turn()

  assert.equal(proxy.outcomes[0]!.outcome.flags, 'DC')
})

test('the deadline ends a request with 504, over all its tries', async t => {
  const clock = manualClock()
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address], { timeoutMs: 1000 }), clock })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)
  client.send(GET)
  const wire = await app.wire(0)
  await wire.until('\r\n\r\n')

  clock.advance(900)
  assert.equal(proxy.outcomes.length, 0)
  clock.advance(150)

  assert.match(await client.until('}\n'), /^HTTP\/1\.1 504 [\s\S]*upstream-timeout/)
  await wire.closed()
  assert.deepEqual([proxy.outcomes[0]!.outcome.flags, proxy.attempts[0]!.failure?.flag], ['UT', 'UT'])
})

test('a deadline that passes in the middle of an answer breaks it: a part must not look whole', async t => {
  const clock = manualClock()
  const app = await origin(wire => {
    void wire
      .until('\r\n\r\n')
      .then(() => wire.send('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'))
  })
  const proxy = await harness({ upstream: upstreamOf([app.address], { timeoutMs: 1000 }), clock })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)
  client.send(GET)
  await client.until('abc')

  clock.advance(1100)

  const answer = await client.closed()
  assert.equal(answer.endsWith('0\r\n\r\n'), false)
  assert.equal(proxy.outcomes[0]!.outcome.flags, 'UT')
})

test('the deadline runs from the last byte of the request: a slow upload is not the upstream being slow', async t => {
  const clock = manualClock()
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address], { timeoutMs: 1000 }), clock })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello')
  const wire = await app.wire(0)
  await wire.until('hello')

  clock.advance(5000)
  client.send('world')
  await wire.until('world')
  clock.advance(900)
  wire.send(ok('fine'))

  await client.until('fine')
})

test('a try has its own time; the next one goes to another endpoint', async t => {
  const clock = manualClock()
  const slow = await origin()
  const quick = await origin(answering(() => ok('quick')))
  const upstream = upstreamOf([slow.address, quick.address])
  upstream.retries = { ...upstream.retries, attempts: 1, on: ['reset'], perTryTimeoutMs: 200 }
  const proxy = await harness({ upstream, clock })
  t.after(() => Promise.all([proxy.close(), slow.close(), quick.close()]))
  const client = await dial(proxy.listener.address)
  client.send(GET)
  const wire = await slow.wire(0)
  await wire.until('\r\n\r\n')

  clock.advance(250)
  clock.advance(0)

  await client.until('quick')
  assert.deepEqual(
    proxy.attempts.map(({ failure, status }) => failure?.flag ?? status),
    ['UT', 200],
  )
})

test('a caller within the mesh may ask for its own timeout; a gateway does not listen to it', async t => {
  const clock = manualClock()
  const app = await origin()
  const upstream = upstreamOf([app.address], { timeoutMs: 60_000 })
  const mesh = await harness({ upstream, clock })
  const gateway = await harness({ upstream, clock, listener: { direction: 'gateway' } })
  t.after(() => Promise.all([mesh.close(), gateway.close(), app.close()]))
  const request = 'GET / HTTP/1.1\r\nHost: a\r\nx-envoy-upstream-rq-timeout-ms: 100\r\n\r\n'
  const inside = await dial(mesh.listener.address)
  inside.send(request)
  const wire = await app.wire(0)
  await wire.until('\r\n\r\n')
  const outside = await dial(gateway.listener.address)
  outside.send(request)
  await (await app.wire(1)).until('\r\n\r\n')

  clock.advance(200)

  await inside.until('504')
  assert.equal(outside.received, '')
  assert.equal(wire.received.includes('x-envoy'), false, 'it was meant for this proxy')
})

test('a connection that does not come to be in time is a connect failure', async t => {
  const clock = manualClock()
  const { Socket } = await import('node:net')
  const proxy = await harness({
    upstream: upstreamOf(['127.0.0.1:9'], { connectTimeoutMs: 500 }),
    clock,
    connect: () => new Socket(),
  })
  t.after(() => proxy.close())
  const client = await dial(proxy.listener.address)
  client.send(GET)
  while (proxy.begun === 0) await turn()

  clock.advance(600)

  await client.until('connect-failure')
  const { stats } = proxy.sender.clusters()[0]!
  assert.deepEqual([stats.cxConnectTimeout, stats.cxConnectFail, stats.cxActive], [1, 1, 0])
})

test('an idle upstream connection is closed in its time', async t => {
  const clock = manualClock()
  const app = await origin(answering(() => ok('x')))
  const proxy = await harness({ upstream: upstreamOf([app.address], { idleTimeoutMs: 1000 }), clock })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  await ask(proxy)

  clock.advance(1100)

  await app.wires[0]!.closed()
  assert.equal(proxy.sender.clusters()[0]!.stats.cxActive, 0)
})

test('three failures in a row blow the fuse, the other version takes over, one probe brings it back', async t => {
  const clock = manualClock()
  let broken = true
  const one = await origin(answering(() => ok('v1')))
  const two = await origin(answering(() => (broken ? bad : ok('v2'))))
  const upstream = upstreamOf(
    [
      { id: 'two', address: two.address, version: 'v2' },
      { id: 'one', address: one.address, version: 'v1' },
    ],
    {
      passiveHealthCheck: fuse,
    },
  )
  const proxy = await harness({ upstream, clock })
  t.after(() => Promise.all([proxy.close(), one.close(), two.close()]))
  const [cluster] = proxy.sender.clusters()
  const endpoint = [...cluster!.endpoints][0]!

  const before = [await ask(proxy), await ask(proxy), await ask(proxy), await ask(proxy), await ask(proxy)]
  assert.deepEqual(before, [500, 500, 500, 200, 200])
  assert.deepEqual([endpoint.state, endpoint.untilMs - clock.now() > 29_000], ['fused', true])
  assert.match(endpoint.why, /3 failures in a row \(status 500\) >= 3/)
  assert.equal(cluster!.stats.ejectionsActive, 1)

  clock.advance(30_100)
  assert.equal(endpoint.state, 'half-open')
  assert.deepEqual(
    [await ask(proxy), await ask(proxy), await ask(proxy)],
    [500, 200, 200],
    'a return costs one request',
  )
  assert.ok(endpoint.untilMs - clock.now() > 59_000, 'and each ejection lasts longer')

  broken = false
  clock.advance(60_100)
  await ask(proxy)
  assert.equal(endpoint.state, 'healthy')
  assert.equal(proxy.outcomes.at(-1)!.exchange.version, 'v2')
})

test('a pinned version is not left: without a usable endpoint it is UH', async t => {
  const one = await origin(answering(() => ok('v1')))
  const upstream = upstreamOf([
    { id: 'two', address: '127.0.0.1:1', version: 'v2', health: 'ejected' },
    { id: 'one', address: one.address, version: 'v1' },
  ])
  const proxy = await harness({
    upstream,
    route: exchange => {
      exchange.pinned = exchange.request.target === '/pinned'
    },
  })
  t.after(() => Promise.all([proxy.close(), one.close()]))

  assert.equal(await ask(proxy), 200)
  assert.equal(await ask(proxy, 'GET /pinned HTTP/1.1\r\nHost: a\r\n\r\n'), 503)
  assert.equal(proxy.outcomes[1]!.outcome.flags, 'UH')
})

test('a version without weight is nobody to fall over to', async t => {
  const one = await origin(answering(() => ok('v1')))
  const upstream = upstreamOf(
    [
      { id: 'two', address: '127.0.0.1:1', version: 'v2', health: 'ejected' },
      { id: 'one', address: one.address, version: 'v1' },
    ],
    { versions: { v1: { weight: 0 }, v2: { weight: 1 } } },
  )
  const proxy = await harness({ upstream })
  t.after(() => Promise.all([proxy.close(), one.close()]))

  assert.equal(await ask(proxy), 503)
})

test('an endpoint on probation gets one request a second', async t => {
  const clock = manualClock()
  const apps = await Promise.all([origin(answering(() => ok('probed'))), origin(answering(() => ok('steady')))])
  const upstream = upstreamOf([{ address: apps[0]!.address, health: 'probing' }, apps[1]!.address])
  const proxy = await harness({ upstream, clock })
  t.after(() => Promise.all([proxy.close(), ...apps.map(app => app.close())]))

  for (let n = 0; n < 5; n++) await ask(proxy)
  clock.advance(1000)
  for (let n = 0; n < 5; n++) await ask(proxy)

  assert.deepEqual(
    proxy.attempts.map(({ endpointId }) => endpointId),
    ['e0', 'e1', 'e1', 'e1', 'e1', 'e0', 'e1', 'e1', 'e1', 'e1'],
  )
})

test('a new policy drops nothing: what is under way ends, connections to endpoints that stay are used again', async t => {
  const stays = await origin(answering(() => ok('stays')))
  const goes = await origin()
  const proxy = await harness({
    upstream: upstreamOf([
      { id: 'goes', address: goes.address },
      { id: 'stays', address: stays.address },
    ]),
  })
  t.after(() => Promise.all([proxy.close(), stays.close(), goes.close()]))
  const client = await dial(proxy.listener.address)
  client.send(GET)
  const wire: Wire = await goes.wire(0)
  await wire.until('\r\n\r\n')
  await ask(proxy)

  proxy.sender.reconcile(new Map([['expense', upstreamOf([{ id: 'stays', address: stays.address }])]]))
  await ask(proxy)
  wire.send(ok('late'))
  await client.until('late')
  await wire.closed()

  assert.equal(stays.wires.length, 1)
})

test('a draining listener ends what runs, says connection: close, and closes what is idle', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const idle = await dial(proxy.listener.address)
  const busy = await dial(proxy.listener.address)
  busy.send(GET)
  const wire = await app.wire(0)
  await wire.until('\r\n\r\n')
  while (proxy.listener.stats.cxActive < 2) await turn()

  const closed = proxy.listener.close(10_000)
  await idle.closed()
  assert.equal(busy.ended, false)
  wire.send(ok('last'))
  const answer = await busy.closed()
  busy.socket.end()
  idle.socket.end()
  await closed

  assert.match(answer, /connection: close\r\n\r\nlast$/)
  await assert.rejects(dial(proxy.listener.address), /ECONNREFUSED/)
})

test('what is still under way when the grace is over is cut off', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)
  client.send(GET)
  await (await app.wire(0)).until('\r\n\r\n')

  await proxy.listener.close(0)

  await client.closed()
  assert.equal(proxy.outcomes[0]!.outcome.flags, 'DC')
})
