import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as wire from './frames.ts'
import { asking, client, opened, server, Tested } from './tested.ts'

const KB = 1024

/** Bytes of DATA among frames, and whether the last has END_STREAM. */
function dataOf(frames: wire.Frame[]): { bytes: number; ended: boolean } {
  const data = frames.filter(({ type }) => type === wire.DATA)
  return {
    bytes: data.reduce((sum, { payload }) => sum + payload.length, 0),
    ended: (data.at(-1)?.flags ?? 0) % 2 === 1,
  }
}

describe('what we send', () => {
  test('stays within the window of the stream, and goes on as the peer opens it', () => {
    const tested = client({}, Buffer.concat([wire.settings(4, 10), wire.settingsAck]))
    const { stream } = opened(tested, asking('POST', '/'), false)
    tested.connection.data(stream, Buffer.alloc(25, 'x'))
    tested.connection.end(stream, null)
    assert.deepEqual(dataOf(tested.sent()), { bytes: 10, ended: false })
    tested.feed(wire.windowUpdate(1, 10))
    assert.deepEqual(dataOf(tested.sent()), { bytes: 10, ended: false })
    tested.feed(wire.windowUpdate(1, 100))
    assert.deepEqual(dataOf(tested.sent()), { bytes: 5, ended: true })
  })

  test('stays within the window of the connection, whose credit all streams share in turn', () => {
    const tested = client()
    const streams = [opened(tested, asking('POST', '/'), false), opened(tested, asking('POST', '/'), false)]
    for (const { stream } of streams) tested.connection.data(stream, Buffer.alloc(60 * KB))
    assert.equal(dataOf(tested.sent()).bytes, 65_535)
    tested.feed(wire.windowUpdate(0, 2 ** 20))
    assert.equal(dataOf(tested.sent()).bytes, 120 * KB - 65_535)
  })

  test('may be more than the window after the settings made it smaller: it waits until the window is above 0 again', () => {
    const tested = client()
    const { stream } = opened(tested, asking('POST', '/'), false)
    tested.connection.data(stream, Buffer.alloc(1000))
    tested.feed(wire.settings(4, 500))
    tested.connection.data(stream, Buffer.alloc(10))
    assert.equal(dataOf(tested.sent()).bytes, 1000)
    tested.feed(wire.windowUpdate(1, 500))
    assert.equal(dataOf(tested.sent()).bytes, 0)
    tested.feed(wire.windowUpdate(1, 1))
    assert.equal(dataOf(tested.sent()).bytes, 1)
    tested.feed(wire.settings(4, 10_000))
    assert.equal(dataOf(tested.sent()).bytes, 9)
  })

  test('an empty END_STREAM passes although the window is negative and the socket full', () => {
    const tested = client()
    const { stream } = opened(tested, asking('POST', '/'), false)
    tested.connection.data(stream, Buffer.alloc(1000))
    tested.feed(wire.settings(4, 0))
    tested.connection.congested()
    tested.sent()
    tested.connection.end(stream, null)
    assert.deepEqual(dataOf(tested.sent()), { bytes: 0, ended: true })
  })

  test('waits while the socket is full, and the user is told when to stop and when to go on', () => {
    const tested = client({ limits: { streamQueueBytes: 10 * KB } })
    const { stream, seen } = opened(tested, asking('POST', '/'), false)
    tested.sent()
    tested.connection.congested()
    assert.equal(tested.connection.data(stream, Buffer.alloc(8 * KB)), true)
    assert.equal(tested.connection.data(stream, Buffer.alloc(8 * KB)), false)
    assert.deepEqual([tested.sent(), seen.writable], [[], 0])
    tested.connection.drained(tested.nowMs)
    assert.deepEqual([dataOf(tested.sent()).bytes, seen.writable], [16 * KB, 1])
    assert.equal(tested.stats.limits.streamQueueBytes, 1)
  })

  test('copies what waits: the chunk may be overwritten behind the call', () => {
    const tested = client()
    const { stream } = opened(tested, asking('POST', '/'), false)
    tested.sent()
    tested.connection.congested()
    const chunk = Buffer.from('hello')
    tested.connection.data(stream, chunk)
    chunk.fill(0)
    tested.connection.drained(tested.nowMs)
    assert.equal(tested.sent()[0]!.payload.toString(), 'hello')
  })

  test('takes about as much memory as it has bytes, however small its pieces', () => {
    const tested = client()
    const { stream } = opened(tested, asking('POST', '/'), false)
    tested.sent()
    tested.connection.congested()
    for (let i = 0; i < 10_000; i++) tested.connection.data(stream, Buffer.from(String(i % 10)))
    assert.ok(stream.queue!.length <= 5)
    tested.connection.drained(tested.nowMs)
    const sent = Buffer.concat(tested.sent().map(({ payload }) => payload))
    assert.equal(sent.toString(), '0123456789'.repeat(1000))
  })

  test('takes turns: a stream with much to send does not keep the others waiting', () => {
    const tested = client(
      {},
      Buffer.concat([wire.settings(4, 2 ** 20), wire.windowUpdate(0, 2 ** 20), wire.settingsAck]),
    )
    tested.connection.congested()
    for (let i = 0; i < 3; i++) {
      const { stream } = opened(tested, asking('POST', '/'), false)
      tested.connection.data(stream, Buffer.alloc(40 * KB))
    }
    tested.connection.drained(tested.nowMs)
    const order = tested.sent().flatMap(({ type, streamId }) => (type === wire.DATA ? [streamId] : []))
    assert.deepEqual(order, [1, 3, 5, 1, 3, 5, 1, 3, 5])
  })

  test('leaves no more than a share in one turn, lest a fast source fill the memory', () => {
    const tested = client(
      {},
      Buffer.concat([wire.settings(4, 2 ** 24), wire.windowUpdate(0, 2 ** 24), wire.settingsAck]),
    )
    const { stream, seen } = opened(tested, asking('POST', '/'), false)
    assert.equal(tested.connection.data(stream, Buffer.alloc(KB * KB)), false)
    let first = 0
    tested.connection.flush({
      write(bytes) {
        first += bytes.length
        return true
      },
    })
    assert.ok(first < 300 * KB)
    assert.equal(dataOf(tested.sent()).bytes > 700 * KB, true)
    assert.equal(seen.writable, 1)
  })

  test('a user that writes from within onWritable keeps its bytes in order', () => {
    const tested = client({ limits: { streamQueueBytes: 0 } }, Buffer.concat([wire.settings(4, 4), wire.settingsAck]))
    const { stream, seen } = opened(tested, asking('POST', '/'), false)
    const pieces = ['efgh', 'ijkl']
    seen.onWritable = () => {
      const next = pieces.shift()
      if (next === undefined) tested.connection.end(stream, ['x', 'y'])
      else tested.connection.data(stream, Buffer.from(next))
    }
    tested.connection.data(stream, Buffer.from('abcd0123'))
    tested.feed(...Array.from({ length: 6 }, () => wire.windowUpdate(1, 3)))
    const sent = tested.sent().filter(({ type }) => type === wire.DATA)
    assert.equal(Buffer.concat(sent.map(({ payload }) => payload)).toString(), 'abcd0123efghijkl')
  })
})

describe('what we take', () => {
  test('is credited to the stream only when the user has passed it on, at half a window', () => {
    const tested = server().feed(wire.post(1), ...[1, 2, 3].map(() => wire.data(1, Buffer.alloc(16 * KB))))
    assert.deepEqual(tested.sent(), [])
    const stream = tested.seen[0]!.stream!
    tested.connection.consumed(stream, 16 * KB)
    assert.deepEqual(tested.sent(), [])
    tested.connection.consumed(stream, 32 * KB)
    assert.deepEqual(
      tested.sent().map(({ type, streamId, payload }) => [type, streamId, payload.readUInt32BE(0)]),
      [[wire.WINDOW_UPDATE, 1, 48 * KB]],
    )
  })

  test('is credited to the connection at once: a slow user of one stream does not hold the others up', () => {
    const tested = server({ limits: { connectionWindowBytes: 65_535 } }).feed(
      wire.post(1),
      wire.data(1, Buffer.alloc(16 * KB)),
    )
    tested.feed(wire.data(1, Buffer.alloc(16 * KB)), wire.data(1, 'x'))
    assert.deepEqual(
      tested.sent().map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)]),
      [[0, 32 * KB]],
    )
  })

  test('is no longer credited to the connection while users together hold too much, until a stream ends', () => {
    const limits = { connectionWindowBytes: 65_535, unconsumedBytesMax: 20 * KB }
    const tested = server({ limits }).feed(wire.post(1), ...[1, 2, 3].map(() => wire.data(1, Buffer.alloc(12 * KB))))
    assert.deepEqual(tested.sent(), [])
    tested.feed(wire.reset(1))
    assert.deepEqual(
      tested.sent().map(({ type, streamId, payload }) => [type, streamId, payload.readUInt32BE(0)]),
      [[wire.WINDOW_UPDATE, 0, 36 * KB]],
    )
  })

  test('padding is credited at once, since nobody will pass it on', () => {
    const padded = wire.frame(wire.DATA, wire.PADDED, 1, Buffer.concat([Buffer.from([255]), Buffer.alloc(256)]))
    const tested = server({ limits: { streamWindowBytes: 1000 } }).feed(wire.post(1), padded, padded)
    const [update] = tested.sent()
    assert.deepEqual([update?.streamId, update?.payload.readUInt32BE(0)], [1, 512])
  })

  test('data of a stream that is no more counts for the connection, and is credited', () => {
    const tested = server({ limits: { connectionWindowBytes: 65_535 } }).feed(wire.post(1))
    tested.connection.reset(tested.seen[0]!.stream!, 8)
    tested.sent()
    tested.feed(...[1, 2, 3].map(() => wire.data(1, Buffer.alloc(16 * KB))))
    assert.equal(tested.sent()[0]?.payload.readUInt32BE(0), 32 * KB)
  })

  test('more than the window of a stream resets it, more than that of the connection ends that', () => {
    const tested = server({ limits: { streamWindowBytes: 100 } }).feed(wire.post(1), wire.data(1, Buffer.alloc(101)))
    assert.deepEqual([tested.resetOf(1), tested.stats.limits.streamWindowBytes], ['FLOW_CONTROL_ERROR', 1])
    const all = server({ limits: { connectionWindowBytes: 65_535, unconsumedBytesMax: 0 } }).feed(
      ...[1, 3].map(id => wire.post(id)),
      ...[1, 3, 1, 3, 1].map(id => wire.data(id, Buffer.alloc(15 * KB))),
    )
    assert.deepEqual([all.fault?.limit, all.goAway()?.code], ['connectionWindowBytes', 'FLOW_CONTROL_ERROR'])
  })

  test('a small window of ours counts only from when the peer has acknowledged it', () => {
    const tested = new Tested('server', { limits: { streamWindowBytes: 100 } })
    const withoutAck = wire.clientHello.subarray(0, -9)
    tested.feed(withoutAck, wire.post(1), wire.data(1, Buffer.alloc(500)))
    assert.equal(tested.seen[0]!.body.length, 500)
    tested.feed(wire.settingsAck)
    assert.equal(tested.resetOf(1), undefined, 'the window is negative, which is legal')
    assert.equal(tested.feed(wire.data(1, 'x')).resetOf(1), 'FLOW_CONTROL_ERROR')
  })
})
