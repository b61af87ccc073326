import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  framingToDownstream,
  framingToUpstream,
  requestFraming,
  responseFraming,
} from '../../../../proxy/http1/framing.ts'
import { soundRequest, soundResponse } from './reading.ts'

describe('framing', () => {
  test('a request without length and chunks has no body', () => {
    const framing = (fields: string) => requestFraming(soundRequest(`POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`))
    assert.equal(framing(''), 'none')
    assert.equal(framing('Content-Length: 0\r\n'), 'none')
    assert.equal(framing('Content-Length: 1\r\n'), 'length')
    assert.equal(framing('Transfer-Encoding: Chunked\r\n'), 'chunked')
    assert.equal(requestFraming(soundRequest('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n')), 'tunnel')
  })

  test('an answer is framed by status and method first, then by its fields', () => {
    const framing = (status: number, fields: string, method = 'GET') =>
      responseFraming(soundResponse(`HTTP/1.1 ${status} X\r\n${fields}\r\n`), method)
    const length = 'Content-Length: 5\r\n'
    assert.deepEqual(
      [framing(200, length), framing(200, length, 'HEAD'), framing(304, length)],
      ['length', 'none', 'none'],
    )
    assert.deepEqual([framing(100, ''), framing(101, ''), framing(204, length)], ['none', 'tunnel', 'none'])
    assert.deepEqual([framing(200, ''), framing(200, 'Content-Length: 0\r\n')], ['until-close', 'none'])
    assert.deepEqual([framing(200, length, 'CONNECT'), framing(502, length, 'CONNECT')], ['tunnel', 'length'])
    assert.equal(framing(200, 'Transfer-Encoding: chunked\r\n'), 'chunked')
  })

  test('a request goes on with its length, or chunked when nobody knows it', () => {
    assert.deepEqual(
      [
        framingToUpstream(true, 5),
        framingToUpstream(true, -1),
        framingToUpstream(true, 0),
        framingToUpstream(false, -1),
      ],
      ['length', 'chunked', 'none', 'none'],
    )
  })

  test('an answer of unknown length is chunked for HTTP/1.1 and ends by closing for HTTP/1.0', () => {
    assert.deepEqual(
      [framingToDownstream(200, 'GET', 1, -1), framingToDownstream(200, 'GET', 0, -1)],
      ['chunked', 'until-close'],
    )
    assert.deepEqual([framingToDownstream(200, 'GET', 0, 5), framingToDownstream(200, 'GET', 1, 0)], ['length', 'none'])
  })

  test('an answer that may have no body gets none', () => {
    for (const [status, method] of [
      [200, 'HEAD'],
      [204, 'GET'],
      [304, 'GET'],
      [103, 'GET'],
    ] as const) {
      assert.equal(framingToDownstream(status, method, 1, -1), 'none')
    }
  })
})
