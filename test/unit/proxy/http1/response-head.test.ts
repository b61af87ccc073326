import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { serializeResponseHead } from '../../../../proxy/http1/serialize.ts'
import { fieldValue, lowerCasedNames, plainFields } from './messages.ts'
import { latin1, readResponses, soundResponse } from './reading.ts'

describe('response head', () => {
  test('what is serialized parses to the same status, reason and fields', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 999 }), fieldValue, plainFields, (statusCode, reason, given) => {
        fc.pre(reason !== '')
        const fields = lowerCasedNames(given)
        const head = soundResponse(serializeResponseHead(statusCode, reason, fields, 'none', '', ''))
        assert.deepEqual([head.statusCode, head.reason, head.fields], [statusCode, reason, fields])
      }),
    )
  })

  test('the reason phrase may be empty, with or without its space', () => {
    assert.equal(soundResponse('HTTP/1.1 200 \r\n\r\n').reason, '')
    assert.equal(soundResponse('HTTP/1.1 200\r\n\r\n').reason, '')
  })

  test('a 1.1 upstream keeps the connection unless it says close; a 1.0 upstream only when it says keep-alive', () => {
    assert.equal(soundResponse('HTTP/1.1 200 OK\r\n\r\n').keepAlive, true)
    assert.equal(soundResponse('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n').keepAlive, false)
    assert.equal(soundResponse('HTTP/1.0 200 OK\r\n\r\n').keepAlive, false)
    assert.equal(soundResponse('HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n').keepAlive, true)
  })

  test('101 names the protocol that it upgrades to', () => {
    const head = soundResponse('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    assert.equal(head.upgrade, 'websocket')
  })
})

describe('where the body of an answer ends', () => {
  const body = (wire: string, method: string, closes = false) => {
    const { messages, fault, tunnelled } = readResponses([latin1(wire)], method, closes)
    return { body: messages[0]?.body, ended: messages[0]?.ended, heads: messages.length, fault, tunnelled }
  }

  test('an answer to HEAD has no body, whatever it announces', () => {
    const { heads, ended } = body('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', 'HEAD')
    assert.deepEqual([heads, ended], [2, true])
  })

  test('204 and 304 have no body, whatever they announce', () => {
    for (const status of [204, 304]) {
      const wire = `HTTP/1.1 ${status} X\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`
      assert.deepEqual([body(wire, 'GET').heads, body(wire, 'GET').ended], [2, true])
    }
  })

  test('without length and chunks the body lasts until the connection closes', () => {
    const wire = 'HTTP/1.1 200 OK\r\n\r\nabc'
    assert.deepEqual([body(wire, 'GET').body, body(wire, 'GET').ended], ['abc', false])
    assert.deepEqual([body(wire, 'GET', true).ended, body(wire, 'GET', true).fault], [true, null])
  })

  test('a body cut off by closing is a fault', () => {
    for (const framing of ['Content-Length: 4', 'Transfer-Encoding: chunked']) {
      const { ended, fault } = body(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n4\r\n`, 'GET', true)
      assert.deepEqual([ended, fault?.httpStatus], [false, 502])
    }
  })

  test('after 101 and after a CONNECT that succeeded the bytes are the tunnel’s', () => {
    assert.equal(body('HTTP/1.1 101 X\r\n\r\n\x00\x01', 'GET').tunnelled, '\x00\x01')
    assert.equal(body('HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\nab', 'CONNECT').tunnelled, 'ab')
    assert.equal(body('HTTP/1.1 403 X\r\nContent-Length: 2\r\n\r\nab', 'CONNECT').body, 'ab')
  })
})
