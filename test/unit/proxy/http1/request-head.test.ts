import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { requestHeadReader } from '../../../../proxy/http1/request-head.ts'
import { serializeRequestHead } from '../../../../proxy/http1/serialize.ts'
import { linesOf, lowerCasedNames, method, path, plainFields } from './messages.ts'
import { latin1, requestHeadOf, soundRequest } from './reading.ts'

describe('request head', () => {
  test('what is serialized parses to the same method, target and fields', () => {
    fc.assert(
      fc.property(method, path, plainFields, (name, target, given) => {
        const fields = ['host', 'a.example', ...lowerCasedNames(given)]
        const head = soundRequest(serializeRequestHead(name, target, fields, 'none', '', ''))
        assert.deepEqual([head.method, head.target, head.path, head.fields], [name, target, target, fields])
      }),
    )
  })

  test('names come out in lower case and values without surrounding blanks, in the order sent', () => {
    const head = soundRequest('GET / HTTP/1.1\r\nHOST:a\r\nX-Odd-NAME:  \t b c\t \r\naccept:\r\nX-Odd-Name: 2\r\n\r\n')
    assert.deepEqual(head.fields, ['host', 'a', 'x-odd-name', 'b c', 'accept', '', 'x-odd-name', '2'])
  })

  test('any case of any name means its lower case', () => {
    fc.assert(
      fc.property(plainFields, given => {
        assert.deepEqual(
          soundRequest(`GET / HTTP/1.1\r\nhost: a\r\n${linesOf(given)}\r\n`).fields.slice(2),
          lowerCasedNames(given),
        )
      }),
    )
  })

  test('the end of the head is reported, so that the body stays with the connection', () => {
    const reader = requestHeadReader()
    const bytes = latin1('xxGET / HTTP/1.1\r\nHost: a\r\n\r\nbody')
    assert.equal(reader.feed(bytes, 2).status, 'complete')
    assert.equal(bytes.toString('latin1', reader.end), 'body')
  })

  test('framing facts are gathered in the same look', () => {
    const head = soundRequest(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0012\r\nExpect: 100-Continue\r\nTE: gzip;q=0.5, Trailers\r\n' +
        'Connection: close, TE, x-secret\r\nConnection: , Upgrade\r\nUpgrade: websocket\r\n\r\n',
    )
    assert.equal(head.contentLength, 12)
    assert.equal(head.fields[3], '12')
    assert.equal(head.chunked, false)
    assert.equal(head.keepAlive, false)
    assert.equal(head.expectContinue, true)
    assert.equal(head.acceptsTrailers, true)
    assert.equal(head.upgrade, 'websocket')
    assert.deepEqual(head.connectionNames, ['x-secret'])
    assert.equal(head.hopByHop, true)
  })

  test('a head without hop-by-hop fields says so', () => {
    assert.equal(soundRequest('GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: x\r\n\r\n').hopByHop, false)
    for (const name of ['Connection', 'Keep-Alive', 'Proxy-Connection', 'TE', 'Upgrade', 'Proxy-Authorization']) {
      assert.equal(soundRequest(`GET / HTTP/1.1\r\nHost: a\r\n${name}: x\r\n\r\n`).hopByHop, true, name)
    }
  })

  test('Upgrade counts only when Connection names it, and never in HTTP/1.0', () => {
    assert.equal(soundRequest('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n').upgrade, '')
    assert.equal(soundRequest('GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n').upgrade, '')
  })

  test('a 1.1 connection is kept unless it says close; a 1.0 connection is closed unless it says keep-alive', () => {
    const keepAlive = (minor: number, connection: string) =>
      soundRequest(`GET / HTTP/1.${minor}\r\nHost: a\r\nConnection: ${connection}\r\n\r\n`).keepAlive
    assert.deepEqual(
      [keepAlive(1, 'x'), keepAlive(1, 'Close'), keepAlive(1, 'keep-alive, close')],
      [true, false, false],
    )
    assert.deepEqual(
      [keepAlive(0, 'x'), keepAlive(0, 'Keep-Alive'), keepAlive(0, 'keep-alive, close')],
      [false, true, false],
    )
  })

  test('Expect of an HTTP/1.0 client is ignored', () => {
    assert.equal(soundRequest('POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n').expectContinue, false)
  })

  test('a name with an underscore is reported, known names included', () => {
    assert.equal(soundRequest('GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: b\r\n\r\n').underscoreNames, true)
    assert.equal(soundRequest('GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: b_c\r\n\r\n').underscoreNames, false)
  })

  test('up to four empty lines before the request line are passed over', () => {
    assert.equal(soundRequest('\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n').method, 'GET')
    assert.equal(requestHeadOf('\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n').status, 'invalid')
  })

  test('a reader has not started while only empty lines have come', () => {
    const reader = requestHeadReader()
    reader.feed(latin1('\r\n'), 0)
    assert.equal(reader.started, false)
    reader.feed(latin1('G'), 0)
    assert.equal(reader.started, true)
    reader.feed(latin1('ET / HTTP/1.1\r\n'), 0)
    assert.equal(reader.started, true)
    reader.feed(latin1('Host: a\r\n\r\n'), 0)
    assert.equal(reader.started, false)
  })

  test('an HTTP/1.0 request needs no Host', () => {
    const head = soundRequest('GET / HTTP/1.0\r\n\r\n')
    assert.deepEqual([head.minorVersion, head.authority, head.fields], [0, '', []])
  })
})

describe('request target', () => {
  const heading = (line: string, host = 'from.host') => soundRequest(`${line} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)

  test('origin form takes the authority from Host', () => {
    const head = heading('GET /a/../b//c?x=//')
    assert.deepEqual(
      [head.form, head.path, head.authority, head.scheme],
      ['origin', '/a/../b//c?x=//', 'from.host', ''],
    )
  })

  test('absolute form overrides Host, in the field too', () => {
    const head = heading('GET HTTP://Other.example:8080/a?b')
    assert.deepEqual([head.form, head.path, head.authority], ['absolute', '/a?b', 'Other.example:8080'])
    assert.deepEqual([head.scheme, head.fields], ['http', ['host', 'Other.example:8080']])
  })

  test('absolute form without a path asks for /, and OPTIONS for *', () => {
    assert.equal(heading('GET https://a').path, '/')
    assert.equal(heading('GET http://a?x=1').path, '/?x=1')
    assert.equal(heading('OPTIONS http://a').path, '*')
    assert.equal(heading('OPTIONS http://a/').path, '/')
  })

  test('absolute form of an HTTP/1.0 request without Host gives it one', () => {
    assert.deepEqual(soundRequest('GET http://a/b HTTP/1.0\r\n\r\n').fields, ['host', 'a'])
  })

  test('CONNECT names host and port', () => {
    const head = heading('CONNECT db.example:5432')
    assert.deepEqual([head.form, head.path, head.authority], ['authority', '', 'db.example:5432'])
    assert.equal(heading('CONNECT [::1]:80').authority, '[::1]:80')
  })

  test('asterisk form is for OPTIONS', () => {
    const head = heading('OPTIONS *')
    assert.deepEqual([head.form, head.path, head.authority], ['asterisk', '*', 'from.host'])
  })

  test('Host may be a name, an address, a bracketed address, each with a port, or empty', () => {
    for (const host of ['a', 'a.b:80', '127.0.0.1:1', '[::1]', '[fe80::1%25eth0]:8', 'a:', '']) {
      assert.equal(heading('GET /', host).authority, host)
    }
  })
})
