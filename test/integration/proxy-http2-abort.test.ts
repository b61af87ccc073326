import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { answerOf, ask, rawHttp2, session } from '../support/http2-clients.ts'
import { harness, upstreamOf } from '../support/proxy-harness.ts'
import { answering, ok, origin } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'
import * as wire from '../unit/proxy/http2/frames.ts'

const GET = (path: string) => ({ ':path': path, ':authority': 'expense' })

test('a client that resets its stream ends the request upstream, and no other', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await rawHttp2(t, proxy.listener.address)

  client.send(wire.get(1), wire.get(3))
  const [one, other] = [await app.wire(0), await app.wire(1)]
  await one.until('\r\n\r\n')
  await other.until('\r\n\r\n')
  client.send(wire.reset(1))
  await one.closed()
  other.send(ok('still here'))

  assert.equal((await client.head(3))[':status'], '200')
  assert.deepEqual(
    proxy.outcomes.map(({ outcome }) => [outcome.status, outcome.flags]),
    [
      [0, 'DC'],
      [200, ''],
    ],
  )
  assert.equal(proxy.sender.active, 0)
})

test('an answer that breaks off upstream is reset with INTERNAL_ERROR, never ended as if it were whole', async t => {
  const app = await origin(async wire => {
    await wire.until('\r\n\r\n')
    wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n')
  })
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await session(t, proxy.listener.address)
  const stream = client.request(GET('/'))
  const answer = answerOf(stream)
  await once(stream, 'data')

  app.wires[0]!.reset()

  const { status, body, reset } = await answer
  assert.deepEqual([status, body, reset], [200, 'part', 'INTERNAL_ERROR'])
  assert.equal(proxy.outcomes[0]!.outcome.flags, 'UC')
})

test('an upstream that fails before its answer makes a 503 with the reason; HEAD hears the head alone', async t => {
  const app = await origin(wire => void wire.until('\r\n\r\n').then(() => wire.reset()))
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await session(t, proxy.listener.address)

  const answer = await ask(client, GET('/'))
  const head = await ask(client, { ...GET('/'), ':method': 'HEAD' })

  assert.deepEqual([answer.status, answer.headers['x-trimtab-reason']], [503, 'upstream-reset'])
  assert.equal(JSON.parse(answer.body).flag, 'UC')
  assert.ok(answer.headers['date'])
  assert.deepEqual([head.status, head.body], [503, ''])
})

test('a client that is gone without a word ends all its requests', async t => {
  const app = await origin()
  const proxy = await harness({ upstream: upstreamOf([app.address]) })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await rawHttp2(t, proxy.listener.address)
  client.send(wire.get(1), wire.post(3), wire.data(3, 'part'))
  const wires = [await app.wire(0), await app.wire(1)]

  client.destroy()

  for (const { closed } of wires) await closed()
  await until(
    'both ends',
    () => proxy.outcomes.map(({ outcome }) => outcome.flags),
    flags => flags.length === 2,
  )
  assert.deepEqual(
    proxy.outcomes.map(({ outcome }) => outcome.flags),
    ['DC', 'DC'],
  )
  assert.deepEqual([proxy.listener.stats.cxHttp2Active, proxy.listener.stats.http2StreamsActive], [0, 0])
})

test('a bug in a stage costs the stream that met it, and no other', async t => {
  const app = await origin(answering(() => ok('x')))
  const proxy = await harness({
    upstream: upstreamOf([app.address]),
    route({ request }) {
      if (request.target === '/bug') throw new Error('a bug')
    },
  })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const client = await session(t, proxy.listener.address)

  const [bug, good] = await Promise.all([ask(client, GET('/bug')), ask(client, GET('/'))])

  assert.deepEqual([bug.reset, good.status], ['INTERNAL_ERROR', 200])
  assert.equal(proxy.listener.stats.http2StreamsActive, 0)
})
