import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { collectorFeed, feedLimits } from '../../../../control/gather/collector-feed.ts'
import type { Tick } from '../../../../protocol/tick.ts'
import { manualClock } from '../manual-clock.ts'

const timeout = 10_000
const hello = '{"protocol":1,"program":"collector","version":"0"}\n'
const tick = (seq: number) =>
  `${JSON.stringify({ seq, time: '', intervalMs: 250, rows: [], reporters: [], missing: [] })}\n`

/** A feed of a collector whose streams the test writes; `happened` emits what the feed tells. */
async function arrange(t: TestContext, answer: (response: ServerResponse) => void) {
  const clock = manualClock()
  const happened = new EventEmitter()
  const server = createServer((_request, response) => {
    answer(response)
    happened.emit('asked', response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const feed = collectorFeed(
    `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    feedLimits,
    { clock, connect: (_url, timeout) => ({ timeout }), random: () => 1 },
    {
      onConnected: () => happened.emit('connected'),
      onTick: (seen: Tick) => happened.emit('tick', seen.seq),
      onInvalid: reason => happened.emit('invalid', reason),
      onDisconnected: () => happened.emit('disconnected'),
      onLost: reason => happened.emit('lost', reason),
    },
  )
  t.after(() => {
    feed.close()
    server.close()
    server.closeAllConnections()
  })
  return { clock, happened, feed }
}

test('ticks are given on, and a line that cannot be read does not end the stream', { timeout }, async t => {
  const { happened, feed } = await arrange(t, response => response.write(hello))
  const [response] = (await once(happened, 'asked')) as [ServerResponse]
  const invalid = once(happened, 'invalid')
  const seen = once(happened, 'tick')
  response.write(`{"seq":"none"}\n${tick(7)}`)
  assert.match(String((await invalid)[0]), /seq|rows|time/)
  assert.deepEqual(await seen, [7])
  assert.equal(feed.connected, true)
})

test('three silent seconds mean that the collector is gone; it is asked again', { timeout }, async t => {
  const { clock, happened, feed } = await arrange(t, response => response.write(hello))
  await once(happened, 'connected')
  const lost = once(happened, 'lost')
  clock.advance(2900)
  assert.equal(feed.connected, true)
  clock.advance(600)
  assert.match(String((await lost)[0]), /silent for 3000 ms/)
  assert.equal(feed.connected, false)
  const again = once(happened, 'connected')
  clock.advance(feedLimits.backoffBaseMs)
  await again
})

test('a collector of a higher protocol is refused, with the side that is to be upgraded', { timeout }, async t => {
  const { happened, feed } = await arrange(t, response => response.write(hello.replace('"protocol":1', '"protocol":2')))
  const [reason] = await once(happened, 'lost')
  assert.match(String(reason), /speaks protocol 2.*upgrade this control/)
  assert.equal(feed.connected, false)
})

test('a loss is told once, however many further attempts fail', { timeout }, async t => {
  const { clock, happened } = await arrange(t, response => response.writeHead(503).end())
  let losses = 0
  happened.on('lost', () => losses++)
  await once(happened, 'lost')
  for (let at = 0; at < 3; at++) {
    const asked = once(happened, 'asked')
    // The answer is on its way through the sockets: the next attempt is made when it has come.
    const timer = setInterval(() => clock.advance(feedLimits.backoffMaxMs), 5)
    await asked
    clearInterval(timer)
  }
  assert.equal(losses, 1)
})

test('a line without end is not gathered for ever', { timeout }, async t => {
  const { happened } = await arrange(t, response => {
    response.write(hello)
    const fill = () => {
      while (!response.destroyed && response.write('x'.repeat(1024 * 1024)));
    }
    response.on('drain', fill)
    fill()
  })
  const [reason] = await once(happened, 'lost')
  assert.match(String(reason), /line of more than/)
})
