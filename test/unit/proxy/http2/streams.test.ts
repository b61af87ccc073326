import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as wire from './frames.ts'
import { asking, client, opened, server, Tested } from './tested.ts'

const { END_STREAM, HEADERS, DATA, SETTINGS } = wire
const OK = [':status', '200']

describe('a server', () => {
  test('begins with SETTINGS and acknowledges those of the client', () => {
    const tested = new Tested('server')
    assert.deepEqual(
      tested.sent().map(({ type, flags }) => [type, flags]),
      [
        [SETTINGS, 0],
        [wire.WINDOW_UPDATE, 0],
      ],
    )
    tested.feed(wire.clientHello)
    assert.deepEqual(
      tested.sent().map(({ type, flags }) => [type, flags]),
      [[SETTINGS, wire.ACK]],
    )
  })

  test('tells a request with its pseudo-header fields parted from the others, host taken for :authority', () => {
    const tested = server().feed(wire.get(1, 'x-a', 'b', 'te', 'trailers', 'x_c', 'd'))
    assert.deepEqual(tested.seen[0]!.request, {
      method: 'GET',
      scheme: 'http',
      authority: 'b.example',
      path: '/a',
      protocol: '',
      fields: ['x-a', 'b', 'te', 'trailers', 'x_c', 'd'],
      contentLength: -1,
      expectContinue: false,
      acceptsTrailers: true,
      underscoreNames: true,
      neverIndexed: null,
      tooLarge: false,
    })
    tested.feed(wire.headers(3, [':method', 'GET', ':scheme', 'http', ':path', '/', 'host', 'c.example']))
    assert.deepEqual([tested.seen[1]!.request?.authority, tested.seen[1]!.request?.fields], ['c.example', []])
  })

  test('puts the crumbs of a cookie together', () => {
    const tested = server().feed(wire.get(1, 'cookie', 'a=1', 'x-a', 'b', 'cookie', 'c=2'))
    assert.deepEqual(tested.seen[0]!.request?.fields, ['cookie', 'a=1; c=2', 'x-a', 'b'])
  })

  test('says which fields came as never-indexed', () => {
    const block = Buffer.concat([wire.literals(wire.GET), wire.literals(['x-key', 's'], 0x10)])
    const tested = server().feed(wire.frame(HEADERS, 5, 1, block))
    assert.deepEqual(tested.seen[0]!.request?.neverIndexed, ['x-key'])
  })

  test('tells body and trailers in order, leaving out what may not stand in trailers', () => {
    const tested = server().feed(
      wire.post(1, 'content-length', '5'),
      wire.data(1, 'he'),
      wire.frame(DATA, wire.PADDED, 1, '\x03llo\0\0\0'),
      wire.headers(1, ['x-sum', '9', 'content-length', '7']),
    )
    const seen = tested.seen[0]!
    assert.deepEqual([seen.order, seen.body, seen.trailers], [['request', 'data', 'end'], 'hello', ['x-sum', '9']])
  })

  test('answers with informational heads, head, data and trailers', () => {
    const tested = server().feed(wire.get(1))
    const { connection } = tested
    const stream = tested.seen[0]!.stream!
    connection.informational(stream, 103, ['link', '</a>'])
    connection.head(stream, 200, ['x-a', 'b'], null, false)
    assert.equal(connection.data(stream, Buffer.from('hello')), true)
    connection.end(stream, ['x-sum', '9'])
    const [early, head, data, trailers, ...rest] = tested.sent()
    assert.deepEqual(tested.decoded(early!.payload), [':status', '103', 'link', '</a>'])
    assert.deepEqual(tested.decoded(head!.payload), [':status', '200', 'x-a', 'b'])
    assert.deepEqual([data!.type, data!.payload.toString()], [DATA, 'hello'])
    assert.deepEqual(tested.decoded(trailers!.payload), ['x-sum', '9'])
    assert.deepEqual([trailers!.flags & END_STREAM, rest, connection.streamsOpen], [END_STREAM, [], 0])
  })

  test('ends with the last frame that waits, and only if nothing waits with an empty one', () => {
    const tested = server().feed(wire.get(1), wire.get(3), wire.get(5))
    const [a, b, c] = tested.seen.map(seen => seen.stream!)
    const { connection } = tested
    connection.head(a!, 204, [], null, false)
    connection.end(a!, null)
    connection.head(b!, 200, [], null, false)
    connection.data(b!, Buffer.from('x'))
    connection.end(b!, null)
    connection.head(c!, 200, [], null, false)
    assert.deepEqual(
      tested.sent().map(({ type, flags, streamId }) => [type, flags & END_STREAM, streamId]),
      [
        [HEADERS, 1, 1],
        [HEADERS, 0, 3],
        [DATA, 1, 3],
        [HEADERS, 0, 5],
      ],
    )
    connection.end(c!, null)
    assert.deepEqual(
      tested.sent().map(({ type, flags, payload }) => [type, flags, payload.length]),
      [[DATA, 1, 0]],
    )
  })

  test('says with NO_ERROR that it does not want the rest of a request that it has answered', () => {
    const tested = server().feed(wire.post(1), wire.data(1, 'a'))
    tested.connection.head(tested.seen[0]!.stream!, 403, [], null, true)
    assert.equal(tested.resetOf(1), 'NO_ERROR')
    tested.feed(wire.data(1, 'b', true))
    assert.deepEqual([tested.seen[0]!.order, tested.fault], [['request', 'data'], undefined])
  })

  test('lets both directions of a tunnel end for themselves', () => {
    const tested = server().feed(wire.headers(1, [':method', 'CONNECT', ':authority', 'c:443'], false))
    const stream = tested.seen[0]!.stream!
    tested.connection.head(stream, 200, [], null, false)
    tested.connection.end(stream, null)
    assert.equal(tested.resetOf(1), undefined)
    tested.feed(wire.data(1, 'more', true))
    assert.deepEqual([tested.seen[0]!.body, tested.connection.streamsOpen], ['more', 0])
  })

  test('takes an extended CONNECT where its settings offer it (RFC 8441)', () => {
    const fields = [
      ':method',
      'CONNECT',
      ':protocol',
      'websocket',
      ':scheme',
      'https',
      ':path',
      '/ws',
      ':authority',
      'c',
    ]
    const tested = new Tested('server', { extendedConnect: true })
    assert.ok(tested.sent()[0]!.payload.includes(Buffer.from([0, 8, 0, 0, 0, 1])))
    tested.feed(wire.clientHello, wire.headers(1, fields, false))
    assert.equal(tested.seen[0]!.request?.protocol, 'websocket')
    assert.equal(
      server()
        .feed(wire.headers(1, fields, false))
        .resetOf(1),
      'PROTOCOL_ERROR',
    )
  })

  test('tells its user of a reset, and sends nothing more on that stream', () => {
    const tested = server().feed(wire.post(1), wire.reset(1, 8))
    const seen = tested.seen[0]!
    assert.deepEqual([seen.broken?.by, seen.broken?.code], ['peer', 8])
    tested.connection.head(seen.stream!, 200, [], null, false)
    assert.equal(tested.connection.data(seen.stream!, Buffer.from('x')), true)
    tested.connection.end(seen.stream!, null)
    tested.connection.reset(seen.stream!, 2)
    assert.deepEqual(tested.sent(), [])
  })

  test('keeps the place of a reset stream until a user that holds it lets go', () => {
    const tested = server({ limits: { concurrentStreamsMax: 1 } })
    tested.onRequestCame = (_, stream) => {
      stream.held = true
    }
    tested.feed(wire.post(1), wire.reset(1), wire.get(3))
    assert.equal(tested.resetOf(3), 'REFUSED_STREAM')
    tested.connection.letGo(tested.seen[0]!.stream!)
    tested.feed(wire.get(5))
    assert.equal(tested.seen.length, 2)
  })

  test('passes frames of a stream that it reset by, but decodes their fields for the table', () => {
    const tested = server().feed(wire.post(1), wire.post(3))
    tested.connection.reset(tested.seen[0]!.stream!, 2)
    const indexed = wire.frame(HEADERS, 5, 1, wire.literals(['x-sum', '9'], 0x40))
    tested.feed(wire.data(1, 'late'), indexed, wire.windowUpdate(1, 5), wire.reset(1))
    tested.feed(wire.frame(HEADERS, 5, 3, Buffer.from([0xbe])))
    assert.deepEqual([tested.fault, tested.seen[1]!.trailers], [undefined, ['x-sum', '9']])
  })

  test('resets the one stream whose user throws', () => {
    const tested = server()
    tested.onRequestCame = seen => {
      seen.onDataCame = () => {
        throw new Error('a bug')
      }
    }
    tested.feed(wire.post(1), wire.post(3), wire.data(1, 'x'))
    assert.equal(tested.resetOf(1), 'INTERNAL_ERROR')
    assert.deepEqual([tested.bugs.length, tested.connection.streamsOpen, tested.seen[0]!.broken?.by], [1, 1, 'us'])
  })
})

test('a request that nobody takes is a bug, and is reset', () => {
  const tested = server()
  tested.onRequestCame = (_, stream) => {
    stream.user = undefined
  }
  assert.equal(tested.feed(wire.post(1)).resetOf(1), 'INTERNAL_ERROR')
  assert.equal(tested.bugs.length, 1)
})

test('an answer that is complete needs no user, though it waits for a window', () => {
  const tested = server().feed(wire.settings(4, 0))
  tested.onRequestCame = (_, stream) => {
    stream.user = undefined
    tested.connection.head(stream, 200, [], null, false)
    tested.connection.data(stream, Buffer.from('hello'))
    tested.connection.end(stream, null)
  }
  tested.feed(wire.get(1), wire.windowUpdate(1, 9))
  assert.equal(tested.sent().at(-1)?.payload.toString(), 'hello')
  assert.deepEqual([tested.bugs, tested.connection.streamsOpen], [[], 0])
})

describe('a client', () => {
  test('begins with the preface, and asks for no pushes', () => {
    const tested = new Tested('client')
    assert.ok(tested.sent()[0]!.payload.includes(Buffer.from([0, 2, 0, 0, 0, 0])))
  })

  test('sends pseudo-header fields first, and host as :authority only', () => {
    const tested = client()
    const { stream } = opened(tested, asking('GET', '/a?b', 'host', 'other', 'x-a', 'b'))
    const [head] = tested.sent()
    assert.deepEqual([stream.id, head!.flags], [1, 5])
    assert.deepEqual(tested.decoded(head!.payload), [
      ...[':method', 'GET', ':scheme', 'http', ':path', '/a?b', ':authority', 'b.example', 'x-a', 'b'],
    ])
  })

  test('sends CONNECT without scheme and path, but with them where it names a protocol', () => {
    const tested = client()
    opened(tested, asking('CONNECT', ''), false)
    opened(tested, { ...asking('CONNECT', '/ws'), protocol: 'websocket' }, false)
    const [plain, extended] = tested.sent()
    assert.deepEqual(tested.decoded(plain!.payload), [':method', 'CONNECT', ':authority', 'b.example'])
    assert.ok(tested.decoded(extended!.payload).includes(':protocol'))
  })

  test('tells informational heads, the head, data and trailers', () => {
    const tested = client()
    const { seen } = opened(tested, asking('GET', '/'))
    tested.feed(
      wire.headers(1, [':status', '100'], false),
      wire.headers(1, [':status', '103', 'link', '</a>'], false),
      wire.headers(1, [':status', '200', 'x-a', 'b'], false),
      wire.data(1, 'hello'),
      wire.headers(1, ['grpc-status', '0']),
    )
    assert.deepEqual(seen.order, ['informational', 'informational', 'head', 'data', 'end'])
    assert.deepEqual([seen.informational, seen.head?.statusCode, seen.body], [[100, 103], 200, 'hello'])
    assert.deepEqual([seen.trailers, tested.connection.streamsOpen], [['grpc-status', '0'], 0])
  })

  test('opens no more streams than the server allows, and is told of each place that becomes free', () => {
    const tested = client({}, Buffer.concat([wire.settings(3, 1), wire.settingsAck]))
    const { stream } = opened(tested, asking('GET', '/'))
    assert.deepEqual(
      [tested.connection.streamsFree, tested.connection.open(asking('GET', '/'), tested.seen[0]!, true)],
      [0, 'full'],
    )
    tested.connection.reset(stream, 8)
    assert.deepEqual([tested.told, tested.connection.streamsFree], [['settings', 'free'], 1])
  })

  test('assumes a hundred places before it knows, and no bound where the settings name none', () => {
    const tested = new Tested('client')
    assert.equal(tested.connection.streamsFree, 100)
    tested.feed(wire.settings())
    assert.ok(tested.connection.streamsFree > 1e9)
  })

  test('knows whether the server takes an extended CONNECT', () => {
    assert.equal(client().connection.extendedConnect, false)
    assert.equal(client({}, Buffer.concat([wire.settings(8, 1), wire.settingsAck])).connection.extendedConnect, true)
  })

  test('tells REFUSED_STREAM apart: nothing was done with the request', () => {
    const tested = client()
    const refused = opened(tested, asking('POST', '/'))
    const cancelled = opened(tested, asking('POST', '/'))
    tested.feed(wire.reset(1, 7), wire.reset(3, 8))
    assert.deepEqual([refused.seen.broken?.unprocessed, cancelled.seen.broken?.unprocessed], [true, false])
  })

  test('takes an answer without body to HEAD, 204 and 304 with any content-length', () => {
    const tested = client()
    const head = opened(tested, asking('HEAD', '/'))
    const cached = opened(tested, asking('GET', '/'))
    tested.feed(
      wire.headers(1, [...OK, 'content-length', '9']),
      wire.headers(3, [':status', '304', 'content-length', '9']),
    )
    assert.deepEqual(
      [head.seen.order, cached.seen.order],
      [
        ['head', 'end'],
        ['head', 'end'],
      ],
    )
  })

  test('may go on with its request though the answer is complete, until the server says NO_ERROR', () => {
    const tested = client()
    const { stream, seen } = opened(tested, asking('POST', '/'), false)
    tested.feed(wire.headers(1, OK))
    assert.equal(tested.connection.data(stream, Buffer.from('x')), true)
    tested.feed(wire.reset(1, 0))
    assert.deepEqual([seen.order, seen.broken?.code, tested.connection.streamsOpen], [['head', 'end', 'broken'], 0, 0])
  })

  test('sends nothing of a request whose fields were not checked, and is sound afterwards', () => {
    const tested = client()
    assert.throws(() => opened(tested, asking('GET', '/', 'x-new', 'a', 'x-bad', 'a\r\nb')), /was not checked/)
    assert.deepEqual([tested.sent(), tested.connection.streamsOpen], [[], 0])
    opened(tested, asking('GET', '/', 'x-new', 'a'))
    assert.ok(tested.decoded(tested.sent()[0]!.payload).includes('x-new'))
  })
})

describe('the end of a connection', () => {
  test('a draining server refuses nothing at first, then what came behind its last word, and ends with its last stream', () => {
    const tested = server().feed(wire.get(1))
    tested.connection.drain()
    const first = tested.sent()
    assert.equal(tested.goAway(first)?.lastStreamId, 2 ** 31 - 1)
    const asked = first.find(({ type }) => type === wire.PING)!
    tested.feed(wire.get(3), wire.frame(wire.PING, wire.ACK, 0, asked.payload))
    assert.equal(tested.goAway()?.lastStreamId, 3)
    tested.feed(wire.get(5), wire.post(7), wire.data(7, 'x'), wire.reset(7))
    assert.deepEqual([tested.seen.length, tested.fault], [2, undefined])
    for (const { stream } of tested.seen) tested.connection.head(stream!, 200, [], null, true)
    assert.deepEqual(tested.told, ['settings', 'drained'])
  })

  test('a draining server does not wait for ever for the client that answers no PING', () => {
    const tested = server()
    tested.connection.drain()
    tested.after(10_001)
    assert.deepEqual(tested.told, ['settings', 'drained'])
  })

  test('a draining client opens no streams, and ends with its last one', () => {
    const tested = client()
    opened(tested, asking('GET', '/'))
    tested.connection.drain()
    assert.equal(tested.connection.open(asking('GET', '/'), tested.seen[0]!, true), 'ending')
    tested.feed(wire.headers(1, OK))
    assert.ok(tested.told.includes('drained'))
  })

  test('GOAWAY tells which streams were never processed, and lets the others end', () => {
    const tested = client()
    const [done, lost] = [opened(tested, asking('POST', '/')), opened(tested, asking('POST', '/'))]
    tested.feed(wire.goAway(1))
    assert.deepEqual([lost.seen.broken?.unprocessed, done.seen.broken], [true, undefined])
    assert.equal(tested.connection.open(asking('GET', '/'), lost.seen, true), 'ending')
    tested.feed(wire.headers(1, OK))
    assert.deepEqual(
      [done.seen.order, tested.told.slice(1)],
      [
        ['head', 'end'],
        ['goaway NO_ERROR', 'free', 'free', 'drained'],
      ],
    )
  })

  test('all streams are told when the socket closes, once', () => {
    const tested = server().feed(wire.get(1), wire.get(3))
    tested.connection.socketClosed('gone')
    tested.connection.socketClosed('gone')
    tested.feed(wire.get(5))
    assert.deepEqual(
      tested.seen.map(seen => seen.order),
      [
        ['request, ended', 'broken'],
        ['request, ended', 'broken'],
      ],
    )
  })

  test('a PING asks whether the peer lives: it is answered, or the connection fails', () => {
    const tested = client()
    tested.connection.ping()
    tested.connection.ping()
    const asked = tested.sent()
    assert.equal(asked.length, 1)
    tested.feed(wire.frame(wire.PING, wire.ACK, 0, asked[0]!.payload)).after(10_001)
    assert.deepEqual([tested.told, tested.fault], [['settings', 'pong'], undefined])
    tested.connection.ping()
    assert.equal(tested.after(10_001).fault?.limit, 'pingTimeoutMs')
  })

  test('the owner is asked to flush once until it does', () => {
    const tested = server()
    const before = tested.flushes
    tested.feed(wire.ping(), wire.ping(), wire.ping())
    assert.equal(tested.flushes, before + 1)
    assert.equal(tested.sent().length, 3)
    tested.feed(wire.ping())
    assert.equal(tested.flushes, before + 2)
  })
})
