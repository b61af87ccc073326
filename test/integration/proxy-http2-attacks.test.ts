import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Exchange } from '../../proxy/exchange.ts'
import type { Http2Limits } from '../../proxy/http2/limits.ts'
import { type RawClient, rawHttp2 } from '../support/http2-clients.ts'
import { manualClock } from '../support/manual-clock.ts'
import { type Harness, type HarnessSettings, harness, upstreamOf } from '../support/proxy-harness.ts'
import { answering, type Origin, ok, origin } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'
import * as wire from '../unit/proxy/http2/frames.ts'

const { CONTINUATION, HEADERS, frame, times } = wire

interface Battle {
  proxy: Harness
  app: Origin
  attacker: RawClient
  /** Another client, whose requests are to be answered whatever the attacker does. */
  bystander: RawClient
}

async function battle(t: TestContext, settings: Partial<HarnessSettings> = {}): Promise<Battle> {
  const app = await origin(answering(request => (request.includes('/hold') ? undefined : ok('x'))))
  const proxy = await harness({ upstream: upstreamOf([app.address]), ...settings })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  return {
    proxy,
    app,
    attacker: await rawHttp2(t, proxy.listener.address),
    bystander: await rawHttp2(t, proxy.listener.address),
  }
}

async function assertUnharmed({ bystander, proxy }: Battle): Promise<void> {
  bystander.send(wire.get(1))
  assert.equal((await bystander.head(1))[':status'], '200')
  await until(
    'nothing under way',
    () => [proxy.listener.stats.http2StreamsActive, proxy.sender.active],
    ([streams, requests]) => streams === 0 && requests === 0,
  )
}

const HOLD = wire.GET.with(5, '/hold')
const hold = (id: number) => wire.headers(id, HOLD, true)
const idOf = (i: number) => i * 2 + 1

const floods: [title: string, limit: keyof Http2Limits, attack: Buffer][] = [
  [
    'rapid reset (CVE-2023-44487)',
    'resetsBurst',
    times(5000, i => Buffer.concat([hold(idOf(i)), wire.reset(idOf(i))])),
  ],
  [
    'made-you-reset by WINDOW_UPDATE of 0 (CVE-2025-8671)',
    'windowUpdatesBurst',
    times(5000, i => Buffer.concat([hold(idOf(i)), wire.windowUpdate(idOf(i), 0)])),
  ],
  [
    'made-you-reset by DATA behind END_STREAM (CVE-2025-8671)',
    'provokedResetsBurst',
    times(5000, i => Buffer.concat([hold(idOf(i)), wire.data(idOf(i), 'x')])),
  ],
  ['malformed requests without end', 'provokedResetsBurst', times(5000, i => wire.headers(idOf(i), ['a', 'b']))],
  [
    'CONTINUATION without end (CVE-2024-27316)',
    'continuationFramesMax',
    Buffer.concat([frame(HEADERS, 0, 1), times(10_000, () => frame(CONTINUATION, 0, 1, 'a'))]),
  ],
  [
    'a header block without end',
    'headerBlockBytesMax',
    Buffer.concat([
      frame(HEADERS, 0, 1, Buffer.alloc(16_384)),
      times(16, () => frame(CONTINUATION, 0, 1, Buffer.alloc(16_384))),
    ]),
  ],
  ['SETTINGS without end', 'settingsFramesBurst', times(10_000, () => wire.settings(4, 65_535))],
  ['SETTINGS of many entries', 'settingsEntriesMax', wire.settings(...Array.from({ length: 4000 }, () => 99))],
  ['PING without end', 'pingsBurst', times(10_000, () => wire.ping())],
  ['PRIORITY without end', 'ignoredFramesBurst', times(10_000, () => frame(wire.PRIORITY, 0, 1, 'abcde'))],
  ['frames of unknown types', 'ignoredFramesBurst', times(10_000, () => frame(99, 0, 0, 'abc'))],
  [
    'empty DATA without end',
    'emptyDataFramesMax',
    Buffer.concat([wire.headers(1, wire.POST.with(5, '/hold'), false), times(10_000, () => frame(wire.DATA, 0, 1))]),
  ],
  ['WINDOW_UPDATE without end', 'windowUpdatesBurst', times(10_000, () => wire.windowUpdate(0, 1))],
]

for (const [title, limit, attack] of floods) {
  test(`${title}: the connection ends with ENHANCE_YOUR_CALM, is counted under ${limit}, and nobody else is harmed`, async t => {
    const field = await battle(t)
    const { attacker, proxy } = field

    attacker.send(attack)
    const { code, text } = await attacker.goAway()
    await until('the end of the connection', () => attacker.closed, Boolean)

    assert.deepEqual([code, text.includes(limit)], ['ENHANCE_YOUR_CALM', true])
    assert.equal(proxy.listener.stats.http2.limits[limit], 1)
    assert.equal(proxy.listener.stats.http2.connectionErrors, 1)
    await assertUnharmed(field)
  })
}

test('rapid reset reaches the upstream no more often than its allowance lets it', async t => {
  const field = await battle(t)

  field.attacker.send(times(5000, i => Buffer.concat([hold(idOf(i)), wire.reset(idOf(i))])))
  await field.attacker.goAway()

  assert.ok(field.proxy.begun <= 102, `${field.proxy.begun} requests were begun`)
  await assertUnharmed(field)
})

test('streams beyond the limit are refused, those within it are served', async t => {
  const field = await battle(t)
  const { attacker, proxy } = field

  attacker.send(times(150, i => hold(idOf(i))))
  await attacker.frame('the last refusal', ({ type, streamId }) => type === wire.RST_STREAM && streamId === idOf(149))

  const refused = attacker.frames.filter(({ type }) => type === wire.RST_STREAM)
  assert.deepEqual([refused.length, refused.every(({ payload }) => payload.readUInt32BE(0) === 7)], [50, true])
  assert.equal(proxy.listener.stats.http2StreamsActive, 100)
  attacker.destroy()
  await assertUnharmed(field)
})

test('the HPACK bomb is answered 431 each time and costs no memory: 16 MB of fields in 1 kB frames', async t => {
  const field = await battle(t)
  const { attacker, proxy } = field
  const insert = wire.literals(['x', 'y'.repeat(4000)], 0x40)
  const bomb = Buffer.concat([wire.literals(wire.GET), Buffer.alloc(4000, 0xbe)])
  attacker.send(frame(HEADERS, 5, 1, Buffer.concat([wire.literals(wire.GET), insert])))
  await attacker.head(1)
  const before = process.memoryUsage().heapUsed

  for (let i = 1; i <= 50; i++) {
    attacker.send(frame(HEADERS, 5, idOf(i), bomb))
    assert.equal((await attacker.head(idOf(i)))[':status'], '431')
  }

  assert.equal(proxy.listener.stats.http2.limits.headerListBytesMax, 50)
  assert.ok(process.memoryUsage().heapUsed - before < 50e6, 'of 50 x 16 MB nothing was kept')
  await assertUnharmed(field)
})

test('replies that are asked for and not read end the connection, though PING itself is within its limit', async t => {
  const field = await battle(t, { listener: { limits: { http2: { pingsBurst: 1e9 } } } })
  const { attacker, proxy } = field
  attacker.pause()

  await until(
    'the end',
    () => {
      attacker.send(times(10_000, () => wire.ping()))
      return proxy.listener.stats.http2.limits.unsentControlBytesMax
    },
    count => count === 1,
  )

  await assertUnharmed(field)
})

test('answers that are not read are held back at the upstream: what is kept of each stream is bounded', async t => {
  const clock = manualClock()
  const exchanges: Exchange[] = []
  const big = 'z'.repeat(1_000_000)
  const app = await origin(answering(request => ok(request.includes('/hold') ? big : 'x')))
  const proxy = await harness({
    clock,
    upstream: upstreamOf([app.address], {
      limits: { maxConnections: 200, maxPending: 0, maxRequests: 1000, maxRetries: 0 },
    }),
    route: exchange => exchanges.push(exchange),
    listener: { limits: { http2KeepaliveMs: 1e9 } },
  })
  t.after(() => Promise.all([proxy.close(), app.close()]))
  const attacker = await rawHttp2(t, proxy.listener.address)
  const bystander = await rawHttp2(t, proxy.listener.address)

  // The window of a stream is 0 from here on.
  attacker.send(
    wire.settings(4, 0),
    times(100, i => hold(idOf(i))),
  )
  const bytes = () => exchanges.reduce((sum, { responseBytes }) => sum + responseBytes, 0)
  let before = -1
  await until('the answers to stand still', bytes, now => {
    const stands = now > 0 && now === before
    before = now
    return stands
  })

  assert.ok(bytes() < 100 * 3 * 64 * 1024, `${bytes()} bytes were taken from the upstream`)
  clock.advance(61_000)
  await until(
    'all to be reset',
    () => attacker.frames.filter(({ type }) => type === wire.RST_STREAM).length,
    n => n === 100,
  )
  await assertUnharmed({ proxy, app, attacker, bystander })
})

test('a body that comes byte by byte keeps its stream, and a head that does not come at all ends the connection', async t => {
  const clock = manualClock()
  const exchanges: Exchange[] = []
  const listener = { limits: { http2KeepaliveMs: 1e9, idleTimeoutMs: 1e9 } }
  const field = await battle(t, { clock, listener, route: exchange => exchanges.push(exchange) })
  const { attacker, proxy } = field
  attacker.send(wire.headers(1, wire.POST.with(5, '/hold'), false))
  for (let bytes = 1; bytes <= 5; bytes++) {
    attacker.send(wire.data(1, 'x'))
    await until(
      'a byte more',
      () => exchanges[0]?.requestBytes,
      came => came === bytes,
    )
    clock.advance(20_000)
  }

  attacker.send(wire.get(3).subarray(0, 20))
  await until(
    'the end',
    () => clock.advance(5000),
    () => proxy.listener.stats.http2.limits.headerBlockTimeoutMs === 1,
  )

  const { code } = await attacker.goAway()
  assert.equal(code, 'ENHANCE_YOUR_CALM')
  await assertUnharmed(field)
})

test('a long gRPC stream with a PING for each message is no attack', async t => {
  const field = await battle(t)
  const { attacker, proxy } = field
  attacker.send(wire.headers(1, [...wire.POST.with(5, '/hold'), 'content-type', 'application/grpc'], false))
  await field.app.wire(0)

  for (let i = 0; i < 50; i++) attacker.send(times(100, () => Buffer.concat([wire.data(1, 'message'), wire.ping()])))
  await until(
    '5000 answers',
    () => attacker.frames.filter(({ type, flags }) => type === wire.PING && flags === wire.ACK).length,
    answers => answers === 5000,
  )

  assert.equal(proxy.listener.stats.http2.connectionErrors, 0)
  attacker.destroy()
  await assertUnharmed(field)
})
