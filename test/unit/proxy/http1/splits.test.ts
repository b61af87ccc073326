import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { cuts, request } from './messages.ts'
import { byteByByte, latin1, piecesOf, readRequests, readResponses } from './reading.ts'

describe('however the bytes are cut', () => {
  test('pipelined requests are read one after the other, each with its body and trailers', () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 4 }), cuts, (requests, at) => {
        const bytes = latin1(requests.map(({ wire }) => wire).join(''))
        const { messages, fault } = readRequests(piecesOf(bytes, at))
        assert.equal(fault, null)
        assert.deepEqual(
          messages.map(({ head, body, trailers, ended }) => [head.method, head.target, body, trailers, ended]),
          requests.map(({ method, target, body, trailers }) => [method, target, body, trailers, true]),
        )
      }),
    )
  })

  test('byte by byte is read as in one piece', () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 2 }), requests => {
        const bytes = latin1(requests.map(({ wire }) => wire).join(''))
        assert.deepEqual(readRequests(byteByByte(bytes)), readRequests([bytes]))
      }),
      { numRuns: 40 },
    )
  })

  test('a cut-off request is unfinished, never invalid and never whole', () => {
    fc.assert(
      fc.property(request, fc.nat(), ({ wire }, at) => {
        const bytes = latin1(wire)
        const { messages, fault } = readRequests([bytes.subarray(0, at % bytes.length)])
        assert.equal(fault, null)
        assert.ok(messages.every(message => !message.ended))
      }),
    )
  })

  test('a head larger than any piece of reading is put together', () => {
    const value = 'v'.repeat(500)
    const fields = Array.from({ length: 90 }, (_, i) => `x-${i}: ${i}${value}\r\n`).join('')
    const bytes = latin1(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n`)
    for (const pieces of [[bytes], byteByByte(bytes), piecesOf(bytes, [2047, 2048, 2049, 4096, 30_000])]) {
      const { messages, fault } = readRequests(pieces)
      assert.equal(fault, null)
      assert.deepEqual(
        messages.map(({ head }) => head.target),
        ['/', '/next'],
      )
      assert.equal(messages[0]?.head.fields.at(-1), `89${value}`)
    }
  })

  test('interim answers, a chunked answer and the next one are parted', () => {
    const bytes = latin1(
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nLink: x\r\n\r\n' +
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x="y"\r\nabc\r\n0\r\nGrpc-Status: 0\r\n\r\n' +
        'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno',
    )
    const expected = readResponses([bytes], 'GET', false)
    assert.deepEqual(
      expected.messages.map(({ head, body, trailers, ended }) => [head.statusCode, body, trailers, ended]),
      [
        [100, '', null, true],
        [103, '', null, true],
        [200, 'abc', ['grpc-status', '0'], true],
        [404, 'no', null, true],
      ],
    )
    for (let at = 0; at < bytes.length; at++) {
      assert.deepEqual(readResponses(piecesOf(bytes, [at]), 'GET', false), expected)
    }
  })
})
