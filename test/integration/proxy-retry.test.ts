import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Retries } from '../../protocol/snapshot.ts'
import { manualClock } from '../support/manual-clock.ts'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { answering, dial, ok, origin } from '../support/proxy-sockets.ts'

const retries: Retries = {
  attempts: 2,
  on: ['connect-failure', 'gateway-error', 'reset'],
  statusCodes: [],
  perTryTimeoutMs: 0,
  budget: 0.2,
  budgetPerSecond: 10,
  backoffBaseMs: 0,
  backoffMaxMs: 0,
}
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'
const failing = 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\nbad'

test('a failed try is retried at another endpoint, and the client sees one good answer', async t => {
  const bad = await origin(answering(() => failing))
  const good = await origin(answering(() => ok('good')))
  const proxy = await harness({ upstream: upstreamOf([bad.address, good.address], { retries }) })
  t.after(() => Promise.all([proxy.close(), bad.close(), good.close()]))
  const client = await dial(proxy.listener.address)

  client.send(GET)
  await client.until('good')

  const { exchange, outcome } = proxy.outcomes[0]!
  assert.deepEqual([outcome.status, outcome.flags, exchange.attempts, exchange.rescued], [200, '', 2, true])
  assert.deepEqual(
    proxy.attempts.map(attempt => [attempt.endpointId, attempt.status]),
    [
      ['e0', 503],
      ['e1', 200],
    ],
  )
  const { stats } = proxy.sender.clusters()[0]!
  assert.deepEqual([stats.rqRetry, stats.rqRetrySuccess, stats.rqTotal, stats.rqActive], [1, 1, 2, 0])
})

test('when retries are used up the last answer passes, and says so by its flag', async t => {
  const bad = await origin(answering(() => failing))
  const proxy = await harness({ upstream: upstreamOf([bad.address], { retries }) })
  t.after(() => Promise.all([proxy.close(), bad.close()]))
  const client = await dial(proxy.listener.address)

  client.send(GET)
  await client.until('\r\n\r\nbad')

  const { exchange, outcome } = proxy.outcomes[0]!
  assert.deepEqual([outcome.status, outcome.flags, exchange.attempts], [503, 'URX', 3])
  assert.equal(bad.wires.length, 1, 'answers nobody wanted were read, and the connection kept')
})

test('a connection that cannot be made is retried whatever the method: nothing was written', async t => {
  const dead = await origin()
  await dead.close()
  const good = await origin(answering(() => ok('good')))
  const proxy = await harness({ upstream: upstreamOf([dead.address, good.address], { retries }) })
  t.after(() => Promise.all([proxy.close(), good.close()]))
  const client = await dial(proxy.listener.address)

  client.send(POST)
  await client.until('good')

  assert.match(good.wires[0]!.received, /hello$/)
  assert.equal(proxy.attempts[0]!.failure?.flag, 'UF')
})

for (const [title, end] of [
  ['is reset', 'reset'],
  ['gets a 503', 'answer'],
] as const) {
  test(`a POST whose first byte reached the upstream is never sent twice (it ${title})`, async t => {
    const bad = await origin(wire => {
      void wire.until('hello').then(() => (end === 'reset' ? wire.reset() : wire.send(failing)))
    })
    const other = await origin(answering(() => ok('good')))
    const proxy = await harness({ upstream: upstreamOf([bad.address, other.address], { retries }) })
    t.after(() => Promise.all([proxy.close(), bad.close(), other.close()]))
    const client = await dial(proxy.listener.address)

    client.send(POST)
    await client.until('HTTP/1.1 503')

    assert.equal(other.wires.length, 0)
    assert.equal(proxy.outcomes[0]!.exchange.attempts, 1)
  })
}

test('a PUT is sent again with its whole body, be it chunked', async t => {
  const bad = await origin(wire => void wire.until('0\r\nx: y\r\n\r\n').then(() => wire.reset()))
  const good = await origin(wire => void wire.until('0\r\nx: y\r\n\r\n').then(() => wire.send(ok('good'))))
  const proxy = await harness({ upstream: upstreamOf([bad.address, good.address], { retries }) })
  t.after(() => Promise.all([proxy.close(), bad.close(), good.close()]))
  const client = await dial(proxy.listener.address)

  client.send('PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  client.send('5\r\nhello\r\n')
  client.send('5\r\nworld\r\n0\r\nx: y\r\n\r\n')
  await client.until('good')

  assert.match(good.wires[0]!.received, /hello[\s\S]*world[\s\S]*x: y/)
})

test('a body over 64 KiB that was sent already is not kept, and so not sent again', async t => {
  const bad = await origin(wire => void wire.until('END').then(() => wire.reset()))
  const other = await origin(answering(() => ok('good')))
  const proxy = await harness({ upstream: upstreamOf([bad.address, other.address], { retries }) })
  t.after(() => Promise.all([proxy.close(), bad.close(), other.close()]))
  const client = await dial(proxy.listener.address)

  client.send(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 70003\r\n\r\n`)
  client.send(`${'x'.repeat(70_000)}END`)
  await client.until('HTTP/1.1 503')

  assert.equal(other.wires.length, 0)
  assert.equal(proxy.outcomes[0]!.outcome.flags, 'UC')
})

test('an idle connection that the upstream closes just as it is used costs the client nothing', async t => {
  let n = 0
  const app = await origin(wire => {
    const first = n++ === 0
    wire.socket.on('data', () => {
      if (first && wire.received.includes('/2')) wire.socket.destroy()
      else wire.send(ok('fine'))
    })
  })
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)
  client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until('fine')
  client.clear()

  client.send('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until('fine')

  assert.equal(app.wires.length, 2)
  assert.deepEqual(
    proxy.outcomes.map(({ exchange, outcome }) => [outcome.status, exchange.attempts]),
    [
      [200, 1],
      [200, 1],
    ],
  )
})

test('a POST on an idle connection that closes as it is used is not sent again: its bytes may have arrived', async t => {
  let n = 0
  const app = await origin(wire => {
    const first = n++ === 0
    wire.socket.on('data', () => {
      if (first && wire.received.includes('POST')) wire.socket.destroy()
      else wire.send(ok('fine'))
    })
  })
  const proxy = await harness({ upstream: upstreamOf([app.address], { retries }) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)
  client.send(GET)
  await client.until('fine')

  client.send(POST)
  await client.until('503')

  assert.equal(app.wires.length, 1)
  assert.equal(proxy.outcomes[1]!.outcome.flags, 'UC')
})

test('Retry-After is obeyed: not a moment sooner', async t => {
  const clock = manualClock()
  let n = 0
  const app = await origin(
    answering(() => (n++ === 0 ? 'HTTP/1.1 503 x\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n' : ok('good'))),
  )
  const proxy = await harness({ upstream: upstreamOf([app.address], { retries }), clock })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(GET)
  await app.wire(0)
  while (proxy.attempts.length === 0) await new Promise(resolve => setImmediate(resolve))
  clock.advance(1999)
  assert.equal(proxy.outcomes.length + proxy.attempts.length, 1)
  clock.advance(1)
  await client.until('good')

  assert.equal(proxy.attempts[1]!.startedMs - proxy.attempts[0]!.startedMs, 2000)
})

test('a Retry-After past the deadline is not waited for: the answer passes', async t => {
  const app = await origin(answering(() => 'HTTP/1.1 503 x\r\nretry-after: 20\r\ncontent-length: 3\r\n\r\nbad'))
  const proxy = await harness({ upstream: upstreamOf([app.address], { retries, timeoutMs: 15_000 }) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(GET)

  await client.until('\r\n\r\nbad')
  assert.equal(proxy.attempts.length, 1)
})

test('the budget bounds retries: past it the failure passes at once', async t => {
  const bad = await origin(answering(() => failing))
  const upstream = upstreamOf([bad.address], { retries: { ...retries, attempts: 1, budget: 0, budgetPerSecond: 2 } })
  const clock = manualClock()
  const proxy = await harness({ upstream, clock })
  t.after(() => Promise.all([proxy.close(), bad.close()]))
  const client = await dial(proxy.listener.address)

  for (let n = 1; n <= 4; n++) {
    client.send(GET)
    while (proxy.outcomes.length < n) {
      clock.advance(0)
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  const { stats } = proxy.sender.clusters()[0]!
  assert.deepEqual([stats.rqRetry, stats.rqRetryOverflow], [2, 2])
})

test('a status of the list is retried by retriable-status-codes, others are not', async t => {
  let n = 0
  const app = await origin(
    answering(
      () =>
        ['HTTP/1.1 409 x\r\ncontent-length: 0\r\n\r\n', ok('a'), 'HTTP/1.1 404 x\r\ncontent-length: 1\r\n\r\nz'][n++],
    ),
  )
  const upstream = upstreamOf([app.address], {
    retries: { ...retries, on: ['retriable-status-codes'], statusCodes: [409] },
  })
  const proxy = await harness({ upstream })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await dial(proxy.listener.address)

  client.send(GET)
  await client.until('\r\n\r\na')
  client.send(GET)
  await client.until('\r\n\r\nz')

  assert.deepEqual(
    proxy.attempts.map(({ status }) => status),
    [409, 200, 404],
  )
})
