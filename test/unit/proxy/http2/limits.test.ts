import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from '../../../../proxy/http2/limits.ts'
import * as wire from './frames.ts'
import { asking, client, opened, server, Tested } from './tested.ts'

const { CONTINUATION, DATA, END_HEADERS, HEADERS, frame, get, literals, ping, post, settings, times, windowUpdate } =
  wire

/** The connection ended for this limit: the peer was told, and it was counted. */
function assertCalmed(tested: Tested, limit: keyof Http2Limits): void {
  assert.equal(tested.fault?.limit, limit)
  const goAway = tested.goAway()
  assert.equal(goAway?.code, 'ENHANCE_YOUR_CALM')
  assert.match(goAway.text, new RegExp(`\\(${limit}: ${DEFAULT_HTTP2_LIMITS[limit]}\\)`))
  assert.equal(tested.stats.limits[limit], 1)
}

describe('a flood ends the connection, and less than that does not', () => {
  const floods: [limit: keyof Http2Limits, attack: (count: number) => Buffer, atMost: number][] = [
    ['resetsBurst', count => times(count, i => Buffer.concat([post(i * 2 + 1), wire.reset(i * 2 + 1)])), 100],
    [
      'provokedResetsBurst',
      count => times(count, i => Buffer.concat([post(i * 2 + 1), wire.headers(i * 2 + 1, ['a', 'b'], false)])),
      100,
    ],
    ['settingsFramesBurst', count => times(count, () => settings()), 99], // one was in the hello
    ['pingsBurst', count => times(count, () => ping()), 100],
    ['ignoredFramesBurst', count => times(count, () => frame(wire.PRIORITY, 0, 1, 'abcde')), 1000],
    ['ignoredFramesBurst', count => times(count, () => frame(77, 0, 1)), 1000],
    ['ignoredFramesBurst', count => times(count, () => wire.settingsAck), 1000],
    ['windowUpdatesBurst', count => times(count, () => windowUpdate(0, 1)), 100],
    ['emptyDataFramesMax', count => Buffer.concat([post(1), times(count, () => frame(DATA, 0, 1))]), 100],
    [
      'continuationFramesMax',
      count => Buffer.concat([frame(HEADERS, 0, 1), times(count, () => frame(CONTINUATION, 0, 1))]),
      16,
    ],
    ['settingsEntriesMax', count => settings(...Array.from({ length: count }, () => [99, 1]).flat()), 32],
  ]
  for (const [limit, attack, atMost] of floods) {
    test(`${limit}: ${atMost} are taken, one more is not`, () => {
      assert.equal(server().feed(attack(atMost)).fault, undefined)
      assertCalmed(server().feed(attack(atMost + 1)), limit)
    })
  }

  test('malformed requests, and streams beyond the limit, count as resets that the peer makes us send', () => {
    const malformed = server().feed(times(101, i => wire.headers(i * 2 + 1, ['a', 'b'])))
    assertCalmed(malformed, 'provokedResetsBurst')
    const refused = server().feed(times(201, i => post(i * 2 + 1)))
    assertCalmed(refused, 'provokedResetsBurst')
    assert.equal(refused.stats.limits.concurrentStreamsMax, 101)
  })

  test('PINGs that claim to be answers', () => {
    const tested = server().feed(times(1001, () => frame(wire.PING, wire.ACK, 0, 'abcdefgh')))
    assertCalmed(tested, 'ignoredFramesBurst')
  })

  test('headerBlockBytesMax: 256 KiB in few frames', () => {
    const piece = Buffer.alloc(16_384)
    const tested = server().feed(
      frame(HEADERS, 0, 1, piece),
      times(16, () => frame(CONTINUATION, 0, 1, piece)),
    )
    assertCalmed(tested, 'headerBlockBytesMax')
  })

  test('headerBlockTimeoutMs: a block, or a frame, that is never completed', () => {
    const block = server().feed(frame(HEADERS, 0, 1, 'a'))
    assert.equal(block.after(10_000).fault, undefined)
    block.feed(frame(CONTINUATION, 0, 1, 'b'))
    assertCalmed(block.after(1), 'headerBlockTimeoutMs')
    const cut = server().feed(get(1).subarray(0, 12))
    cut.after(9000).feed(get(1).subarray(12, 13))
    assertCalmed(cut.after(1001), 'headerBlockTimeoutMs')
  })

  test('unsentControlBytesMax: a peer that asks for replies and does not read them', () => {
    const tested = server({ limits: { pingsBurst: 100_000 } })
    tested.connection.congested()
    tested.feed(times(5000, () => ping()))
    assert.equal(tested.fault, undefined)
    assertCalmed(tested.feed(times(100, () => ping())), 'unsentControlBytesMax')
  })

  test('unsentBytesMax: a peer that asks on and reads no answer', () => {
    const tested = server({ limits: { unsentBytesMax: 10_000 } })
    tested.onRequestCame = (_, stream) => tested.connection.head(stream, 200, ['x-a', 'y'.repeat(80)], null, true)
    tested.connection.congested()
    tested.feed(times(1000, i => get(i * 2 + 1)))
    assert.equal(tested.fault?.limit, 'unsentBytesMax')
  })

  test('unsentBytesMax: a user that does not heed that it is to stop', () => {
    const tested = client({ limits: { unsentBytesMax: 100_000 } })
    const { stream, seen } = opened(tested, asking('POST', '/'), false)
    for (let i = 0; i < 12; i++) tested.connection.data(stream, Buffer.alloc(16_384))
    assert.deepEqual([tested.fault?.limit, seen.broken?.by], ['unsentBytesMax', 'connection'])
  })
})

describe('an allowance comes back', () => {
  test('by time', () => {
    const tested = server().feed(times(100, () => ping()))
    tested.after(5000).feed(times(10, () => ping()))
    assert.equal(tested.fault, undefined)
    assertCalmed(tested.feed(times(1, () => ping())), 'pingsBurst')
  })

  test('by useful work: streams that live for hours may measure their way with PINGs', () => {
    const tested = server().feed(post(1))
    for (let i = 0; i < 10_000; i++) {
      tested.feed(wire.data(1, 'x'), ping())
      tested.connection.consumed(tested.seen[0]!.stream!, 1)
    }
    assert.equal(tested.fault, undefined)
  })

  test('by finished streams: a client that cancels now and then is no attacker', () => {
    const tested = server()
    tested.onRequestCame = (seen, stream) => {
      if (seen.request?.method === 'GET') tested.connection.head(stream, 200, [], null, true)
    }
    for (let i = 0; i < 1000; i++) {
      const id = i * 4 + 1
      tested.feed(get(id), post(id + 2), wire.reset(id + 2))
      tested.sent()
    }
    assert.equal(tested.fault, undefined)
  })

  test('by DATA sent: ten WINDOW_UPDATEs each, but none for a byte that the window let through', () => {
    const large = client()
    const sending = opened(large, asking('POST', '/'), false)
    for (let i = 0; i < 200; i++) {
      large.connection.data(sending.stream, Buffer.alloc(2000))
      large.feed(
        times(8, () => windowUpdate(1, 250)),
        windowUpdate(0, 2000),
      )
      large.sent()
    }
    assert.equal(large.fault, undefined)

    const small = client({}, Buffer.concat([settings(4, 0), wire.settingsAck]))
    small.connection.data(opened(small, asking('POST', '/'), false).stream, Buffer.alloc(2000))
    small.feed(times(101, () => windowUpdate(1, 1)))
    assertCalmed(small, 'windowUpdatesBurst')
  })
})

describe('header lists', () => {
  test('of more than 64 KiB decoded (the HPACK bomb) are read to their end and dropped: 431, and the table is still right', () => {
    const value = 'v'.repeat(4000)
    const bomb = Buffer.concat([literals(wire.GET), literals(['x-a', value], 0x40), Buffer.alloc(10_000, 0xbe)])
    const tested = server().feed(frame(HEADERS, 5, 1, bomb))
    const { request } = tested.seen[0]!
    assert.deepEqual([request?.tooLarge, request?.fields, tested.stats.limits.headerListBytesMax], [true, [], 1])
    tested.connection.head(tested.seen[0]!.stream!, 431, [], null, true)
    tested.feed(frame(HEADERS, 5, 3, Buffer.concat([literals(wire.GET), Buffer.from([0xbe])])))
    assert.deepEqual(tested.seen[1]!.request?.fields, ['x-a', value])
  })

  test('of 200 KiB as they come are dropped by themselves: the connection goes on, and a call of gRPC keeps its content-type', () => {
    const block = literals([...wire.POST, 'content-type', 'application/grpc', 'x-big', 'v'.repeat(200 * 1024)])
    const pieces = Array.from({ length: Math.ceil(block.length / 16_384) }, (_, i) =>
      block.subarray(i * 16_384, (i + 1) * 16_384),
    )
    const frames = pieces.map((piece, i) =>
      frame(i === 0 ? HEADERS : CONTINUATION, i === pieces.length - 1 ? END_HEADERS : 0, 1, piece),
    )

    const tested = server().feed(...frames, get(3))

    assert.equal(tested.fault, undefined)
    const [large, next] = tested.seen.map(({ request }) => request)
    assert.deepEqual([large?.tooLarge, large?.fields], [true, ['content-type', 'application/grpc']])
    assert.equal(next?.tooLarge, false)
  })

  test('of more than 200 fields are dropped, too', () => {
    const many = Array.from({ length: 197 }, (_, i) => [`x-${i}`, '']).flat()
    const tested = server().feed(get(1, ...many.slice(0, 392)), get(3, ...many))
    assert.deepEqual(
      tested.seen.map(({ request }) => request?.tooLarge),
      [false, true],
    )
    assert.equal(tested.stats.limits.headerFieldsMax, 1)
  })

  test('of an answer, or of trailers, break the stream', () => {
    const many = Array.from({ length: 201 }, () => ['a', 'b']).flat()
    const tested = client()
    const { seen } = opened(tested, asking('GET', '/'))
    tested.feed(wire.headers(1, [':status', '200', ...many]))
    assert.deepEqual([tested.resetOf(1), seen.broken?.by], ['ENHANCE_YOUR_CALM', 'us'])
    assert.equal(server().feed(post(1), wire.headers(1, many)).resetOf(1), 'ENHANCE_YOUR_CALM')
  })

  test('a table size beyond our settings is counted under headerTableBytesMax', () => {
    const tested = server({ limits: { headerTableBytesMax: 4096 } })
    tested.feed(frame(HEADERS, 5, 1, Buffer.from([0x3f, 0xe2, 0x1f])))
    assert.deepEqual([tested.goAway()?.code, tested.stats.limits.headerTableBytesMax], ['COMPRESSION_ERROR', 1])
  })
})

describe('streams', () => {
  test('beyond concurrentStreamsMax are refused: nothing was done, and they may be sent again', () => {
    const tested = server({ limits: { concurrentStreamsMax: 2 } }).feed(post(1), post(3), post(5))
    assert.deepEqual([tested.resetOf(5), tested.seen.length], ['REFUSED_STREAM', 2])
    tested.connection.head(tested.seen[0]!.stream!, 200, [], null, true)
    tested.feed(post(7))
    assert.equal(tested.seen.length, 3)
  })

  test('refused before the client has seen our settings count against nobody', () => {
    const tested = new Tested('server').feed(
      wire.clientHello.subarray(0, -9),
      times(400, i => post(i * 2 + 1)),
    )
    assert.deepEqual([tested.fault, tested.seen.length], [undefined, 100])
  })

  test('of whose queue nothing moves for stalledStreamMs are reset, one whose queue moves is not', () => {
    const tested = client({}, Buffer.concat([settings(4, 0), wire.settingsAck]))
    const [stuck, slow] = [opened(tested, asking('POST', '/'), false), opened(tested, asking('POST', '/'), false)]
    for (const { stream } of [stuck, slow]) tested.connection.data(stream, Buffer.alloc(100))
    tested.after(20_000).feed(windowUpdate(3, 10))
    tested.after(10_001)
    assert.equal(tested.resetOf(1), 'CANCEL')
    assert.deepEqual(
      [stuck.seen.broken?.by, slow.seen.broken, tested.stats.limits.stalledStreamMs],
      ['us', undefined, 1],
    )
  })

  test('with more informational answers than informationalsMax break', () => {
    const tested = client()
    const { seen } = opened(tested, asking('GET', '/'))
    tested.feed(times(101, () => wire.headers(1, [':status', '103'], false)))
    assert.deepEqual([tested.resetOf(1), seen.informational.length], ['ENHANCE_YOUR_CALM', 100])
  })
})

describe('a connection', () => {
  test('whose peer says nothing ends after prefaceTimeoutMs', () => {
    const tested = new Tested('server')
    assert.equal(tested.after(10_000).fault, undefined)
    assert.equal(tested.after(1).fault?.limit, 'prefaceTimeoutMs')
  })

  test('whose peer does not acknowledge our settings ends after settingsAckTimeoutMs', () => {
    const tested = new Tested('server').feed(wire.clientHello.subarray(0, -9))
    assert.equal(tested.after(10_001).goAway()?.code, 'SETTINGS_TIMEOUT')
  })

  test('counts each limit under its own name, all from 0', () => {
    const { limits } = server().stats
    assert.deepEqual(Object.keys(limits).sort(), Object.keys(DEFAULT_HTTP2_LIMITS).sort())
    assert.ok(Object.values(limits).every(count => count === 0))
  })
})

test('an END_HEADERS that comes in the sixteenth CONTINUATION completes the block', () => {
  const pieces = literals(wire.GET)
  const tested = server().feed(
    frame(HEADERS, 1, 1, pieces.subarray(0, 1)),
    times(15, i => frame(CONTINUATION, 0, 1, pieces.subarray(i + 1, i + 2))),
    frame(CONTINUATION, END_HEADERS, 1, pieces.subarray(16)),
  )
  assert.equal(tested.seen[0]?.request?.path, '/a')
})
