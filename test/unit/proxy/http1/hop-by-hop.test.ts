import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  connectionToDownstream,
  connectionToUpstream,
  requestFieldsToPass,
  responseFieldsToPass,
} from '../../../../proxy/http1/hop-by-hop.ts'
import { soundRequest, soundResponse } from './reading.ts'

const requestFields = (lines: string) =>
  requestFieldsToPass(soundRequest(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`)).slice(2)
const responseFields = (lines: string, status = 200) =>
  responseFieldsToPass(soundResponse(`HTTP/1.1 ${status} X\r\n${lines}\r\n`))

describe('fields that go on', () => {
  test('nothing is copied when nothing is to be removed', () => {
    const head = soundRequest('GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\n\r\n')
    assert.equal(requestFieldsToPass(head), head.fields)
    const answer = soundResponse('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    assert.equal(responseFieldsToPass(answer), answer.fields)
  })

  test('fields of one connection stay behind', () => {
    const lines =
      'Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nProxy-Authorization: x\r\n' +
      'Transfer-Encoding: chunked\r\nUpgrade: h2c\r\nTE: gzip\r\nAccept: b\r\n'
    assert.deepEqual(requestFields(lines), ['accept', 'b'])
    const answer = 'Proxy-Authenticate: x\r\nProxy-Authentication-Info: x\r\nKeep-Alive: x\r\nVary: b\r\n'
    assert.deepEqual(responseFields(answer), ['vary', 'b'])
  })

  test('TE goes on as trailers only', () => {
    assert.deepEqual(requestFields('TE: gzip, trailers;q=1, trailers\r\nTE: deflate\r\n'), ['te', 'trailers'])
  })

  test('what Connection names stays behind', () => {
    const lines = 'Connection: X-One, x-two\r\nx-one: 1\r\nX-Two: 2\r\nX-Two: 3\r\nx-three: 4\r\n'
    assert.deepEqual(requestFields(lines), ['x-three', '4'])
    assert.deepEqual(responseFields(lines), ['x-three', '4'])
  })

  test('Connection cannot take away what others judge by', () => {
    const names =
      'content-type authorization cookie cache-control x-forwarded-for traceparent b3 x-b3-traceid x-request-id ' +
      'x-envoy-upstream-rq-timeout-ms'
    for (const name of names.split(' ')) {
      assert.deepEqual(requestFields(`Connection: ${name}\r\n${name}: v\r\n`), [name, 'v'])
    }
    const head = soundRequest(
      'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: host, content-length\r\n\r\n',
    )
    assert.deepEqual(requestFieldsToPass(head), ['host', 'a', 'content-length', '1'])
  })

  test('Expect of an HTTP/1.0 client stays behind, of an HTTP/1.1 client it goes on', () => {
    const head = soundRequest('POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n')
    assert.deepEqual(requestFieldsToPass(head), [])
    assert.deepEqual(requestFields('Expect: 100-continue\r\n'), ['expect', '100-continue'])
  })

  test('an answer that may not have Content-Length loses it', () => {
    assert.deepEqual(responseFields('Content-Length: 0\r\n', 204), [])
    assert.deepEqual(responseFields('Content-Length: 5\r\n', 304), ['content-length', '5'])
  })

  test('Connection says what the next hop must know, and nothing else', () => {
    assert.deepEqual(
      [connectionToUpstream(true, false, false), connectionToUpstream(false, true, false)],
      ['', 'close, te'],
    )
    assert.deepEqual(
      [connectionToUpstream(true, true, false), connectionToUpstream(true, false, true)],
      ['te', 'upgrade'],
    )
    assert.deepEqual(
      [connectionToDownstream(true, 1, false), connectionToDownstream(true, 0, false)],
      ['', 'keep-alive'],
    )
    assert.deepEqual(
      [connectionToDownstream(false, 1, false), connectionToDownstream(true, 1, true)],
      ['close', 'upgrade'],
    )
  })
})
