import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { speaksHttp2 } from '../../../../proxy/http2/preface.ts'
import * as wire from './frames.ts'
import { asking, client, opened, server, Tested } from './tested.ts'

const { CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PRIORITY, RST_STREAM, SETTINGS } =
  wire
const { WINDOW_UPDATE, WITH_PRIORITY, frame, get, literals, post, settings, uint32, windowUpdate } = wire
const AUTHORITY = [':authority', 'b.example']

describe('the connection ends when a client', () => {
  const cases: [rule: string, code: string, bytes: Buffer[]][] = [
    ['sends DATA on stream 0', 'PROTOCOL_ERROR', [wire.data(0, 'x')]],
    ['sends DATA on a stream that was not opened', 'PROTOCOL_ERROR', [wire.data(1, 'x')]],
    ['pads DATA to its length or more', 'PROTOCOL_ERROR', [post(1), frame(DATA, PADDED, 1, '\x06hello')]],
    ['says that an empty DATA frame is padded', 'PROTOCOL_ERROR', [post(1), frame(DATA, PADDED, 1)]],
    ['sends HEADERS on stream 0', 'PROTOCOL_ERROR', [get(0)]],
    ['opens a stream with an even id', 'PROTOCOL_ERROR', [get(2)]],
    ['opens a stream below one that was open', 'PROTOCOL_ERROR', [get(5), get(3)]],
    ['pads HEADERS to more than its length', 'PROTOCOL_ERROR', [frame(HEADERS, PADDED | END_HEADERS, 1, '\x05abc')]],
    ['pads HEADERS that are empty', 'FRAME_SIZE_ERROR', [frame(HEADERS, PADDED | END_HEADERS, 1)]],
    ['cuts the priority in HEADERS off', 'FRAME_SIZE_ERROR', [frame(HEADERS, WITH_PRIORITY | END_HEADERS, 1, 'abc')]],
    ['sends a block that cannot be decoded', 'COMPRESSION_ERROR', [frame(HEADERS, 5, 1, '\x80')]],
    ['continues a block that was not begun', 'PROTOCOL_ERROR', [frame(CONTINUATION, END_HEADERS, 1)]],
    ['continues a block that is complete', 'PROTOCOL_ERROR', [get(1), frame(CONTINUATION, END_HEADERS, 1)]],
    ['continues the block of another stream', 'PROTOCOL_ERROR', [frame(HEADERS, 0, 1), frame(CONTINUATION, 0, 3)]],
    ['sends DATA within a block', 'PROTOCOL_ERROR', [post(1), frame(HEADERS, 0, 3), wire.data(1, 'x')]],
    ['sends an unknown frame within a block', 'PROTOCOL_ERROR', [frame(HEADERS, 0, 1), frame(99, 0, 0)]],
    ['sends a frame of more than 16 KiB', 'FRAME_SIZE_ERROR', [post(1), wire.data(1, Buffer.alloc(16_385))]],
    ['sends PRIORITY on stream 0', 'PROTOCOL_ERROR', [frame(PRIORITY, 0, 0, 'abcde')]],
    ['resets stream 0', 'PROTOCOL_ERROR', [wire.reset(0)]],
    ['resets a stream that was not opened', 'PROTOCOL_ERROR', [wire.reset(1)]],
    ['sends RST_STREAM of three bytes', 'FRAME_SIZE_ERROR', [post(1), frame(RST_STREAM, 0, 1, 'abc')]],
    ['sends SETTINGS on a stream', 'PROTOCOL_ERROR', [frame(SETTINGS, 0, 1)]],
    ['sends a part of a setting', 'FRAME_SIZE_ERROR', [frame(SETTINGS, 0, 0, 'abcde')]],
    ['acknowledges SETTINGS with a payload', 'FRAME_SIZE_ERROR', [frame(SETTINGS, wire.ACK, 0, 'abcdef')]],
    ['sets ENABLE_PUSH to 2', 'PROTOCOL_ERROR', [settings(2, 2)]],
    ['sets INITIAL_WINDOW_SIZE beyond 2^31-1', 'FLOW_CONTROL_ERROR', [settings(4, 2 ** 31)]],
    ['sets MAX_FRAME_SIZE below 16 KiB', 'PROTOCOL_ERROR', [settings(5, 16_383)]],
    ['sets MAX_FRAME_SIZE to 2^24', 'PROTOCOL_ERROR', [settings(5, 2 ** 24)]],
    ['sets ENABLE_CONNECT_PROTOCOL to 2', 'PROTOCOL_ERROR', [settings(8, 2)]],
    ['takes ENABLE_CONNECT_PROTOCOL back', 'PROTOCOL_ERROR', [settings(8, 1), settings(8, 0)]],
    ['sets NO_RFC7540_PRIORITIES to 2', 'PROTOCOL_ERROR', [settings(9, 2)]],
    [
      'lets a setting make a window too large',
      'FLOW_CONTROL_ERROR',
      [post(1), windowUpdate(1, 100), settings(4, 2 ** 31 - 1)],
    ],
    ['pushes', 'PROTOCOL_ERROR', [frame(wire.PUSH_PROMISE, END_HEADERS, 1, 'abcd')]],
    ['sends PING on a stream', 'PROTOCOL_ERROR', [frame(PING, 0, 1, 'abcdefgh')]],
    ['sends PING of seven bytes', 'FRAME_SIZE_ERROR', [frame(PING, 0, 0, 'abcdefg')]],
    ['sends GOAWAY on a stream', 'PROTOCOL_ERROR', [frame(GOAWAY, 0, 1, 'abcdefgh')]],
    ['sends GOAWAY of seven bytes', 'FRAME_SIZE_ERROR', [frame(GOAWAY, 0, 0, 'abcdefg')]],
    ['sends WINDOW_UPDATE of 0 for the connection', 'PROTOCOL_ERROR', [windowUpdate(0, 0)]],
    ['sends WINDOW_UPDATE of three bytes', 'FRAME_SIZE_ERROR', [frame(WINDOW_UPDATE, 0, 0, 'abc')]],
    ['opens the window of a stream that was not opened', 'PROTOCOL_ERROR', [windowUpdate(1, 1)]],
    ['opens the window of the connection beyond 2^31-1', 'FLOW_CONTROL_ERROR', [windowUpdate(0, 2 ** 31 - 1)]],
  ]
  for (const [rule, code, bytes] of cases) {
    test(`${rule}: ${code}`, () => {
      const tested = server().feed(...bytes)
      assert.equal(tested.goAway()?.code, code)
      assert.ok(tested.fault !== undefined && tested.fault.reason.length > 5)
      assert.equal(tested.connection.streamsOpen, 0)
      assert.deepEqual(tested.feed(get(7)).sent(), [], 'nothing more is read or answered')
    })
  }

  test('does not begin with the preface, or not with SETTINGS behind it', () => {
    const text = new Tested('server').feed(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
    assert.equal(text.goAway()?.code, 'PROTOCOL_ERROR')
    const early = new Tested('server').feed(wire.clientHello.subarray(0, 24), get(1))
    assert.match(early.fault!.reason, /first frame is not SETTINGS/)
  })

  test('sends on a stream that has ended: STREAM_CLOSED', () => {
    for (const late of [wire.data(1, 'x'), get(1)]) {
      const tested = server().feed(get(1))
      tested.connection.head(tested.seen[0]!.stream!, 200, [], null, true)
      assert.equal(tested.feed(late).goAway()?.code, 'STREAM_CLOSED')
    }
  })
})

describe('a stream is reset, and the connection goes on, when a client', () => {
  const cases: [rule: string, code: string, bytes: Buffer[]][] = [
    ['sends DATA behind END_STREAM', 'STREAM_CLOSED', [get(1), wire.data(1, 'x')]],
    ['sends HEADERS behind END_STREAM', 'STREAM_CLOSED', [get(1), get(1)]],
    ['sends DATA behind its own reset', 'STREAM_CLOSED', [post(1), wire.reset(1), wire.data(1, 'x')]],
    ['sends trailers without END_STREAM', 'PROTOCOL_ERROR', [post(1), wire.headers(1, ['a', 'b'], false)]],
    ['sends a pseudo-header field in trailers', 'PROTOCOL_ERROR', [post(1), wire.headers(1, [':path', '/'])]],
    ['opens a window by 0', 'PROTOCOL_ERROR', [post(1), windowUpdate(1, 0)]],
    ['opens a window beyond 2^31-1', 'FLOW_CONTROL_ERROR', [post(1), windowUpdate(1, 2 ** 31 - 1)]],
    ['sends more than content-length', 'PROTOCOL_ERROR', [post(1, 'content-length', '2'), wire.data(1, 'abc')]],
    ['sends less than content-length', 'PROTOCOL_ERROR', [post(1, 'content-length', '2'), wire.data(1, 'a', true)]],
    [
      'sends less than content-length before trailers',
      'PROTOCOL_ERROR',
      [post(1, 'content-length', '2'), wire.headers(1, ['a', 'b'])],
    ],
    ['sends nothing of its content-length', 'PROTOCOL_ERROR', [get(1, 'content-length', '2')]],
    [
      'depends on itself',
      'PROTOCOL_ERROR',
      [post(1), frame(PRIORITY, 0, 1, Buffer.concat([uint32(1), Buffer.from([0])]))],
    ],
    [
      'opens a stream that depends on itself',
      'PROTOCOL_ERROR',
      [
        frame(
          HEADERS,
          WITH_PRIORITY | END_HEADERS | END_STREAM,
          1,
          Buffer.concat([uint32(1), Buffer.from([0]), literals(wire.GET)]),
        ),
      ],
    ],
    ['sends PRIORITY of four bytes', 'FRAME_SIZE_ERROR', [post(1), frame(PRIORITY, 0, 1, 'abcd')]],
  ]
  for (const [rule, code, bytes] of cases) {
    test(`${rule}: ${code}`, () => {
      const tested = server().feed(...bytes)
      assert.equal(tested.resetOf(1), code)
      assert.deepEqual([tested.fault, tested.faults.length], [undefined, 1])
      assert.equal(tested.feed(get(3)).seen.at(-1)?.request?.method, 'GET')
    })
  }
})

describe('a request is malformed, and nobody hears of it, with', () => {
  const cases: [rule: string, fields: string[]][] = [
    ['an upper-case field name', [...wire.GET, 'X-A', 'b']],
    ['an empty field name', [...wire.GET, '', 'b']],
    ['a blank in a field name', [...wire.GET, 'x a', 'b']],
    ['a colon in a field name', [...wire.GET, 'x:a', 'b']],
    ['a line end in a value', [...wire.GET, 'x-a', 'b\r\nc: d']],
    ['NUL in a value', [...wire.GET, 'x-a', 'b\0']],
    ['a blank before a value', [...wire.GET, 'x-a', ' b']],
    ['a blank behind a value', [...wire.GET, 'x-a', 'b\t']],
    ['connection', [...wire.GET, 'connection', 'close']],
    ['keep-alive', [...wire.GET, 'keep-alive', '1']],
    ['proxy-connection', [...wire.GET, 'proxy-connection', 'close']],
    ['transfer-encoding', [...wire.GET, 'transfer-encoding', 'chunked']],
    ['upgrade', [...wire.GET, 'upgrade', 'h2c']],
    ['te other than trailers', [...wire.GET, 'te', 'gzip']],
    ['an unknown pseudo-header field', [...wire.GET, ':x', 'b']],
    ['a pseudo-header field of answers', [...wire.GET, ':status', '200']],
    ['a pseudo-header field behind a regular one', [...wire.GET.slice(2), 'x-a', 'b', ':method', 'GET']],
    ['a pseudo-header field twice', [...wire.GET, ':path', '/']],
    ['no :method', wire.GET.slice(2)],
    ['no :scheme', [':method', 'GET', ':path', '/', ...AUTHORITY]],
    ['no :path', [':method', 'GET', ':scheme', 'http', ...AUTHORITY]],
    ['an empty :path', [':method', 'GET', ':scheme', 'http', ':path', '', ...AUTHORITY]],
    ['a :path without slash', [':method', 'GET', ':scheme', 'http', ':path', 'a', ...AUTHORITY]],
    ['a blank in :path', [':method', 'GET', ':scheme', 'http', ':path', '/ HTTP/1.1', ...AUTHORITY]],
    ['a :path of * in a GET', [':method', 'GET', ':scheme', 'http', ':path', '*', ...AUTHORITY]],
    ['a blank in :method', [':method', 'GET /', ':scheme', 'http', ':path', '/', ...AUTHORITY]],
    ['userinfo in :authority', [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'me@b']],
    ['a host other than :authority', [...wire.GET, 'host', 'c.example']],
    ['host twice', [':method', 'GET', ':scheme', 'http', ':path', '/', 'host', 'a', 'host', 'a']],
    ['content-length twice', [...wire.GET, 'content-length', '0', 'content-length', '0']],
    ['a content-length with a sign', [...wire.GET, 'content-length', '+1']],
    ['a content-length that is too large', [...wire.GET, 'content-length', '99999999999999999']],
    ['CONNECT and :path', [':method', 'CONNECT', ':path', '/', ...AUTHORITY]],
    ['CONNECT and no :authority', [':method', 'CONNECT']],
    [':protocol in a GET', [...wire.GET, ':protocol', 'websocket']],
  ]
  for (const [rule, fields] of cases) {
    test(rule, () => {
      const tested = server().feed(wire.headers(1, fields))
      assert.equal(tested.resetOf(1), 'PROTOCOL_ERROR')
      assert.deepEqual([tested.seen, tested.fault, tested.stats.malformed], [[], undefined, 1])
      assert.equal(tested.feed(wire.data(1, 'late'), get(3)).seen.length, 1)
    })
  }

  test('a fault that was cached with a table entry', () => {
    const tested = server()
    tested.feed(frame(HEADERS, 5, 1, Buffer.concat([literals(wire.GET), literals(['x-a', 'b\n'], 0x40)])))
    tested.feed(frame(HEADERS, 5, 3, Buffer.concat([literals(wire.GET), Buffer.from([0xbe])])))
    assert.equal(tested.stats.malformed, 2)
  })
})

describe('a client resets the stream of an answer', () => {
  const ok = wire.headers(1, [':status', '200', 'content-length', '2'], false)
  const cases: [rule: string, bytes: Buffer[]][] = [
    ['without :status', [wire.headers(1, ['a', 'b'])]],
    ['with a :status of two digits', [wire.headers(1, [':status', '20'])]],
    ['with :path', [wire.headers(1, [':status', '200', ':path', '/'])]],
    ['101', [wire.headers(1, [':status', '101'], false)]],
    ['that is informational and ends', [wire.headers(1, [':status', '103'])]],
    ['whose DATA come before its head', [wire.data(1, 'x')]],
    ['with more DATA than it said', [ok, wire.data(1, 'abc')]],
    ['with less DATA than it said', [ok, wire.data(1, 'a', true)]],
    ['with connection', [wire.headers(1, [':status', '200', 'connection', 'close'])]],
  ]
  for (const [rule, bytes] of cases) {
    test(rule, () => {
      const tested = client()
      const { seen } = opened(tested, asking('GET', '/'))
      assert.equal(tested.feed(...bytes).resetOf(1), 'PROTOCOL_ERROR')
      assert.deepEqual([seen.broken?.by, tested.fault, tested.connection.streamsOpen], ['us', undefined, 0])
    })
  }

  test('to HEAD, and to GET with 204, when DATA come', () => {
    const tested = client()
    opened(tested, asking('HEAD', '/'))
    opened(tested, asking('GET', '/'))
    tested.feed(wire.headers(1, [':status', '200'], false), wire.data(1, 'x'))
    tested.feed(wire.headers(3, [':status', '204'], false), wire.data(3, 'x'))
    const sent = tested.sent()
    assert.deepEqual([tested.resetOf(1, sent), tested.resetOf(3, sent)], ['PROTOCOL_ERROR', 'PROTOCOL_ERROR'])
  })
})

describe('the connection ends when a server', () => {
  const cases: [rule: string, bytes: Buffer[]][] = [
    ['opens a stream', [wire.headers(2, [':status', '200'])]],
    ['answers what was not asked', [wire.headers(1, [':status', '200'])]],
    ['enables pushes', [settings(2, 1)]],
    ['pushes', [frame(wire.PUSH_PROMISE, END_HEADERS, 1, 'abcd')]],
  ]
  for (const [rule, bytes] of cases) {
    test(rule, () =>
      assert.equal(
        client()
          .feed(...bytes)
          .goAway()?.code,
        'PROTOCOL_ERROR',
      ),
    )
  }
})

describe('nothing happens on', () => {
  const cases: [what: string, bytes: Buffer[]][] = [
    ['an unknown frame', [frame(200, 255, 77, 'whatever')]],
    ['an unknown setting', [settings(99, 1)]],
    ['PRIORITY on any stream', [frame(PRIORITY, 0, 9, 'abcde')]],
    ['a PING that answers nothing', [frame(PING, wire.ACK, 0, 'abcdefgh')]],
    ['the reserved bit of a stream id', [frame(HEADERS, 5, 0x80000001, literals(wire.GET))]],
    ['flags that mean nothing', [frame(HEADERS, 5 | 0x82, 1, literals(wire.GET))]],
    [
      'a window opened for, and a reset of, a stream that has ended',
      [get(1), wire.reset(1), wire.reset(1), windowUpdate(1, 9)],
    ],
  ]
  for (const [what, bytes] of cases) {
    test(what, () => {
      const tested = server().feed(...bytes)
      assert.deepEqual(
        [tested.fault, tested.faults, tested.sent().filter(({ type }) => type !== SETTINGS)],
        [undefined, [], []],
      )
    })
  }
})

test('a connection that begins in clear text speaks HTTP/2 if it begins with the preface, as far as one can see', () => {
  const preface = wire.clientHello.subarray(0, 24)
  assert.deepEqual(
    [preface, wire.clientHello, preface.subarray(0, 3), Buffer.from('PUT'), Buffer.from('PRI * HTTP/1.1')].map(
      speaksHttp2,
    ),
    ['yes', 'yes', 'unclear', 'no', 'no'],
  )
})
