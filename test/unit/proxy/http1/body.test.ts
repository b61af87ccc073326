import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BodyReader } from '../../../../proxy/http1/body.ts'
import type { BodySink } from '../../../../proxy/http1/body-sink.ts'
import { CHUNK_SUFFIX, chunkPrefix, LAST_CHUNK, lastChunk } from '../../../../proxy/http1/serialize.ts'
import { bodyText, cuts, trailerFields } from './messages.ts'
import { latin1, piecesOf } from './reading.ts'

/** Notes what a reader says; `onData` is called within its call. */
function collector(onData: (bytes: Buffer) => void = () => {}) {
  const seen = { data: [] as Buffer[], ends: [] as (string[] | null)[] }
  const sink: BodySink = {
    onData(bytes) {
      seen.data.push(bytes)
      onData(bytes)
    },
    onEnd: trailers => void seen.ends.push(trailers),
  }
  return { seen, sink, text: () => Buffer.concat(seen.data).toString('latin1') }
}

describe('body reader', () => {
  test('chunks that are encoded are decoded to the same body and trailers', () => {
    fc.assert(
      fc.property(
        fc.array(
          bodyText.filter(text => text !== ''),
          { maxLength: 6 },
        ),
        fc.option(trailerFields, { nil: null }),
        cuts,
        (chunks, trailers, at) => {
          const wire = chunks.flatMap(text => [latin1(chunkPrefix(text.length)), latin1(text), CHUNK_SUFFIX])
          const bytes = Buffer.concat([...wire, trailers === null ? LAST_CHUNK : latin1(lastChunk(trailers))])
          const reader = new BodyReader('request')
          const { seen, sink, text } = collector()
          reader.begin('chunked', -1)
          for (const piece of piecesOf(bytes, at)) assert.equal(reader.read(piece, 0, sink), piece.length)
          assert.deepEqual([text(), seen.ends, reader.done], [chunks.join(''), [trailers], true])
        },
      ),
    )
  })

  test('a body without bytes ends before any byte comes', () => {
    for (const framing of ['none', 'length'] as const) {
      const reader = new BodyReader('request')
      const { seen, sink } = collector()
      reader.begin(framing, 0)
      assert.equal(reader.read(latin1('next'), 0, sink), 0)
      assert.deepEqual([seen.data, seen.ends, reader.done], [[], [null], true])
    }
  })

  test('bytes behind the body stay with the connection', () => {
    const reader = new BodyReader('request')
    const { sink, text } = collector()
    reader.begin('length', 3)
    assert.equal(reader.read(latin1('..abcGET'), 2, sink), 5)
    assert.equal(text(), 'abc')
    reader.begin('chunked', -1)
    assert.equal(reader.read(latin1('..2\r\nde\r\n0\r\n\r\nGET'), 2, sink), 14)
    assert.equal(text(), 'abcde')
  })

  test('pieces of body are views of the bytes read, not copies', () => {
    const reader = new BodyReader('request')
    const { seen, sink } = collector()
    const chunk = latin1('3\r\nabc\r\n')
    reader.begin('chunked', -1)
    reader.read(chunk, 0, sink)
    assert.deepEqual([seen.data[0]?.buffer === chunk.buffer, seen.data[0]?.byteOffset], [true, chunk.byteOffset + 3])
  })

  test('a reader that is abandoned within a call makes no further call', () => {
    for (const framing of ['length', 'chunked', 'until-close'] as const) {
      const reader = new BodyReader('request')
      const { seen, sink } = collector(() => reader.abandon())
      reader.begin(framing, 14)
      reader.read(latin1('1\r\na\r\n0\r\n\r\n...'), 0, sink)
      assert.deepEqual([seen.data.length, seen.ends, reader.done], [1, [], true], framing)
    }
  })

  test('sizes may be in either case and have leading zeros', () => {
    const reader = new BodyReader('request')
    const { sink, text } = collector()
    reader.begin('chunked', -1)
    reader.read(latin1(`00a\r\n${'x'.repeat(10)}\r\nA\r\n${'y'.repeat(10)}\r\n000\r\n\r\n`), 0, sink)
    assert.deepEqual([text(), reader.done], [`${'x'.repeat(10)}${'y'.repeat(10)}`, true])
  })

  test('a chunk larger than 4 GiB is counted exactly', () => {
    const reader = new BodyReader('request')
    const piece = Buffer.alloc(1 << 20)
    let bytes = 0
    const { sink } = collector(data => {
      bytes += data.length
    })
    reader.begin('chunked', -1)
    reader.read(latin1('100000001\r\n'), 0, sink)
    for (let i = 0; i < 4096; i++) reader.read(piece, 0, sink)
    reader.read(latin1('x\r\n0\r\n\r\n'), 0, sink)
    assert.deepEqual([bytes, reader.done], [2 ** 32 + 1, true])
  })

  test('trailers that could change framing, routing or authentication are dropped, others pass', () => {
    const reader = new BodyReader('request')
    const { seen, sink } = collector()
    const forbidden = [
      'Content-Length: 5',
      'Transfer-Encoding: chunked',
      'Host: b',
      'Authorization: x',
      'Set-Cookie: a=b',
    ]
    reader.begin('chunked', -1)
    reader.read(latin1(`0\r\n${forbidden.join('\r\n')}\r\nGrpc-Status: 0\r\nX-Sum: 1\r\n\r\n`), 0, sink)
    assert.deepEqual(seen.ends, [['grpc-status', '0', 'x-sum', '1']])
  })

  test('trailers that are all dropped are none', () => {
    const reader = new BodyReader('request')
    const { seen, sink } = collector()
    reader.begin('chunked', -1)
    reader.read(latin1('0\r\nHost: b\r\n\r\n'), 0, sink)
    assert.deepEqual(seen.ends, [null])
  })

  test('a closed connection ends only the body that lasts until then', () => {
    const { sink, seen } = collector()
    const reader = new BodyReader('request')
    assert.equal(reader.close(sink), null)
    reader.begin('length', 1)
    assert.equal(reader.close(sink)?.httpStatus, 400)
    reader.begin('until-close', -1)
    assert.deepEqual([reader.close(sink), seen.ends], [null, [null]])
  })
})
