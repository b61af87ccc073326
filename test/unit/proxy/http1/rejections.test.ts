import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { byteByByte, latin1, readRequests, readResponses } from './reading.ts'

const HOST = 'Host: a\r\n'
const get = (fields: string) => `GET / HTTP/1.1\r\n${HOST}${fields}\r\n`
const post = (fields: string, body: string) => `POST / HTTP/1.1\r\n${HOST}${fields}\r\n${body}`
const chunked = (body: string) => post('Transfer-Encoding: chunked\r\n', body)
const line = (text: string) => `${text}\r\n${HOST}\r\n`

type Rule = readonly [rule: string, wire: string, httpStatus: number]

const HEAD_RULES: Rule[] = [
  ['a bare LF ends no request line', `GET / HTTP/1.1\n${HOST}\r\n`, 400],
  ['a bare LF ends no field line', get('a: b\n'), 400],
  ['a bare LF ends no head', `GET / HTTP/1.1\r\n${HOST}\n`, 400],
  ['a bare LF is no empty line before a request', `\nGET / HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a bare CR stands in no value', get('a: b\rc\r\n'), 400],
  ['a bare CR stands in no name', get('a\rb: c\r\n'), 400],
  ['a bare CR stands in no request line', `GET /\r HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['CR CR LF is no line end', get('a: b\r\r\n'), 400],
  ['a line is not folded by a space', get('a: b\r\n c\r\n'), 400],
  ['a line is not folded by a tab', get('a: b\r\n\tc\r\n'), 400],
  ['the first field line is not folded', `GET / HTTP/1.1\r\n ${HOST}\r\n`, 400],
  ['no space stands before the colon', get('a : b\r\n'), 400],
  ['no tab stands before the colon', get('a\t: b\r\n'), 400],
  ['no space stands in a name', get('a b: c\r\n'), 400],
  ['a field line has a colon', get('abc\r\n'), 400],
  ['a field line has a name', get(': b\r\n'), 400],
  ...[...'"(),/;<=>?@[\\]{}\u00e9'].map(
    (character): Rule => [`a name holds no ${character}`, get(`a${character}b: c\r\n`), 400],
  ),
  ['a name holds no NUL', get('a\0b: c\r\n'), 400],
  ['a value holds no NUL', get('a: b\0c\r\n'), 400],
  ['a value holds no control character', get('a: b\x01c\r\n'), 400],
  ['a value holds no escape', get('a: \x1b[2J\r\n'), 400],
  ['a value holds no DEL', get('a: b\x7fc\r\n'), 400],
  ['a request has a Host', 'GET / HTTP/1.1\r\na: b\r\n\r\n', 400],
  ['a request has one Host', get(HOST), 400],
  ['an HTTP/1.0 request has at most one Host', `GET / HTTP/1.0\r\n${HOST}${HOST}\r\n`, 400],
  ['an absolute target does not make up for no Host', 'GET http://a/ HTTP/1.1\r\n\r\n', 400],
  ...['a b', 'a,b', 'a/b', 'u@a', 'a:b', 'a:80:90', 'a:65536', 'a?b', 'a\\b', '[::1', '::1', '[x]', ':80', '[]'].map(
    (host): Rule => [`Host is not ${host}`, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 400],
  ),
  ['a head has at most 100 fields', get('a: b\r\n'.repeat(100)), 431],
  ['a head has at most 64 KiB', get(`a: ${'b'.repeat(1000)}\r\n`.repeat(66)), 431],
  ['one field may not be larger than a head', get(`a: ${'b'.repeat(66_000)}\r\n`), 431],
  ['a name may not be larger than a head', get('a'.repeat(66_000)), 431],
  ['a request line has at most 8 KiB', line(`GET /${'a'.repeat(8200)} HTTP/1.1`), 414],
  ['HTTP/1.2 is not spoken', line('GET / HTTP/1.2'), 505],
  ['HTTP/2.0 is not spoken here', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['HTTP/0.9 is not spoken', line('GET / HTTP/0.9'), 505],
  ['a request line names a version', line('GET /'), 400],
  ...['HTTP/1', 'HTTP/1.10', 'HTTP/11', 'HTTP/1,1', 'http/1.1', 'HTTPS/1.1', 'HTTP/+.1', 'HTTP/1.1 '].map(
    (version): Rule => [`a version is not spelt '${version}'`, line(`GET / ${version}`), 400],
  ),
  ['one space parts method and target', line('GET  / HTTP/1.1'), 400],
  ['one space parts target and version', line('GET /  HTTP/1.1'), 400],
  ['no tab parts method and target', line('GET\t/ HTTP/1.1'), 400],
  ['no blank stands before the method', line(' GET / HTTP/1.1'), 400],
  ['a method is a token', line('G(ET / HTTP/1.1'), 400],
  ['a target has no space', line('GET /a b HTTP/1.1'), 400],
  ['a target has no fragment', line('GET /a#b HTTP/1.1'), 400],
  ['a target has no byte outside ASCII', line('GET /\u00e9 HTTP/1.1'), 400],
  ['a target has no control character', line('GET /\x01 HTTP/1.1'), 400],
  ['a path begins with a slash', line('GET a HTTP/1.1'), 400],
  ['the asterisk is for OPTIONS only', line('GET * HTTP/1.1'), 400],
  ['an absolute target is of http', line('GET ftp://a/ HTTP/1.1'), 400],
  ['an absolute target has an authority', line('GET http:///x HTTP/1.1'), 400],
  ['an absolute target has no user', line('GET http://u:p@a/ HTTP/1.1'), 400],
  ['CONNECT names a port', line('CONNECT a HTTP/1.1'), 400],
  ['CONNECT names no path', line('CONNECT /a HTTP/1.1'), 400],
  ['CONNECT with an address names a port', line('CONNECT [::1] HTTP/1.1'), 400],
  ['a host with a port is for CONNECT only', line('GET a:80 HTTP/1.1'), 400],
  ['CONNECT has no body of known length', `CONNECT a:80 HTTP/1.1\r\n${HOST}Content-Length: 1\r\n\r\nx`, 400],
  ['CONNECT has no chunked body', `CONNECT a:80 HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['Connection lists names', get('Connection: a b\r\n'), 400],
  ['Connection lists at most 32 names', get(`Connection: ${'a,'.repeat(33)}\r\n`), 400],
]

const FRAMING_RULES: Rule[] = [
  [
    'Content-Length and Transfer-Encoding exclude each other',
    post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    400,
  ],
  ['in the other order too', post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'), 400],
  ['two different Content-Lengths are refused', post('Content-Length: 5\r\nContent-Length: 6\r\n', 'abcdef'), 400],
  ['two equal Content-Lengths are refused', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'abcde'), 400],
  ...[
    '',
    '+5',
    '-5',
    '5, 5',
    '5,6',
    '5 5',
    '0x5',
    '5.0',
    '1e1',
    'five',
    '5;',
    '\u00b2',
    '9007199254740992',
    '99999999999999999999999',
  ].map((length): Rule => [`Content-Length is not '${length}'`, post(`Content-Length: ${length}\r\n`, 'abcde'), 400]),
  ...[
    '',
    'identity',
    'gzip',
    'gzip, chunked',
    'chunked, gzip',
    'chunked, chunked',
    'chunked,',
    ', chunked',
    'xchunked',
    'chunked;q=1',
    '"chunked"',
    'chunked\x0b',
  ].map(
    (coding): Rule => [
      `Transfer-Encoding is not '${coding}'`,
      post(`Transfer-Encoding: ${coding}\r\n`, '0\r\n\r\n'),
      400,
    ],
  ),
  [
    'two Transfer-Encodings are refused',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    400,
  ],
  [
    'a second Transfer-Encoding does not hide the first',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n'),
    400,
  ],
  ['HTTP/1.0 has no Transfer-Encoding', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
]

const CHUNK_RULES: Rule[] = [
  ...[
    '',
    'g',
    '-1',
    '+1',
    '0x1',
    ' 1',
    '1 ',
    '1\t',
    '1 ;a',
    '1_0',
    '\u00b2',
    'fffffffffffffffff',
    '20000000000000',
    '00000000000000001',
  ].map((size): Rule => [`a chunk size is not '${size}'`, chunked(`${size}\r\na\r\n0\r\n\r\n`), 400]),
  ['a chunk size line does not end with LF alone', chunked('1\na\r\n0\r\n\r\n'), 400],
  ['a chunk size line does not end with CR alone', chunked('1\ra\r\n0\r\n\r\n'), 400],
  ['a chunk does not end with LF alone', chunked('1\r\na\n0\r\n\r\n'), 400],
  ['a chunk does not end with CR alone', chunked('1\r\na\r0\r\n\r\n'), 400],
  ['a chunk does not end with another byte and LF', chunked('1\r\naX\n0\r\n\r\n'), 400],
  ['a chunk is not longer than its size', chunked('1\r\nab\r\n0\r\n\r\n'), 400],
  ['the last chunk does not end with LF alone', chunked('0\n\n'), 400],
  ['the trailers do not end with LF alone', chunked('0\r\n\n'), 400],
  ['an extension does not hide a line end', chunked('1;a\nb\r\na\r\n0\r\n\r\n'), 400],
  ['a quoted extension does not hide a line end', chunked('1;a="\r\n"\r\na\r\n0\r\n\r\n'), 400],
  ['an escaped line end does not stand in an extension', chunked('1;a="\\\n"\r\na\r\n0\r\n\r\n'), 400],
  ['an extension has a name', chunked('1;\r\na\r\n0\r\n\r\n'), 400],
  ['an extension with = has a value', chunked('1;a=\r\na\r\n0\r\n\r\n'), 400],
  ['an extension has one value', chunked('1;a=b=c\r\na\r\n0\r\n\r\n'), 400],
  ['an extension holds no blank', chunked('1; a\r\na\r\n0\r\n\r\n'), 400],
  ['a quoted extension ends where its quotes end', chunked('1;a="b"c\r\na\r\n0\r\n\r\n'), 400],
  ['extensions have at most 16 KiB in all', chunked(`1;${'a'.repeat(1000)}\r\na\r\n`.repeat(17)), 400],
  ['a trailer is not folded', chunked('0\r\na: b\r\n c\r\n\r\n'), 400],
  ['a trailer has no space before the colon', chunked('0\r\na : b\r\n\r\n'), 400],
  ['a trailer holds no NUL', chunked('0\r\na: \0\r\n\r\n'), 400],
  ['trailers have at most 100 fields', chunked(`0\r\n${'a: b\r\n'.repeat(101)}\r\n`), 431],
  ['trailers have at most 64 KiB', chunked(`0\r\n${`a: ${'b'.repeat(1000)}\r\n`.repeat(66)}\r\n`), 431],
]

function judgeRequests(rules: readonly Rule[]): void {
  for (const [rule, wire, httpStatus] of rules) {
    test(rule, () => {
      const { fault, messages } = readRequests([latin1(wire)])
      assert.equal(fault?.httpStatus, httpStatus)
      assert.ok(
        messages.every(message => !message.ended),
        'nothing of it may pass for a whole message',
      )
      assert.deepEqual(readRequests(byteByByte(latin1(wire))).fault, fault)
    })
  }
}

describe('request heads that are refused', () => judgeRequests(HEAD_RULES))
describe('request framing that is refused', () => judgeRequests(FRAMING_RULES))
describe('chunked bodies that are refused', () => judgeRequests(CHUNK_RULES))

const ok = (fields: string, body = '') => `HTTP/1.1 200 OK\r\n${fields}\r\n${body}`

const RESPONSE_RULES: (readonly [rule: string, wire: string])[] = [
  ['a status line is not preceded by an empty line', '\r\nHTTP/1.1 200 OK\r\n\r\n'],
  ['a status has three digits', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['a status has no fourth digit', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['a status is at least 100', 'HTTP/1.1 099 OK\r\n\r\n'],
  ['a status is a number', 'HTTP/1.1 2x0 OK\r\n\r\n'],
  ['one space stands before the status', 'HTTP/1.1  200 OK\r\n\r\n'],
  ['another version is not understood', 'HTTP/2.0 200 OK\r\n\r\n'],
  ['a reason phrase holds no control character', 'HTTP/1.1 200 O\x01K\r\n\r\n'],
  ['a status line does not end with LF alone', 'HTTP/1.1 200 OK\nA: b\r\n\r\n'],
  ['a line is not folded', ok('a: b\r\n c\r\n')],
  ['no space stands before the colon', ok('a : b\r\n')],
  ['two Content-Lengths are refused', ok('Content-Length: 1\r\nContent-Length: 2\r\n', 'ab')],
  ['a signed Content-Length is refused', ok('Content-Length: +1\r\n', 'a')],
  [
    'Content-Length and Transfer-Encoding exclude each other',
    ok('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  ],
  ['Transfer-Encoding is exactly chunked', ok('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n')],
  ['HTTP/1.0 has no Transfer-Encoding', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a bad chunk size is refused', ok('Transfer-Encoding: chunked\r\n', 'x\r\n')],
  ['a head has at most 100 fields', ok('a: b\r\n'.repeat(101))],
  ['a head has at most 64 KiB', ok(`a: ${'b'.repeat(66_000)}\r\n`)],
  ['a status line has at most 64 KiB', `HTTP/1.1 200 ${'b'.repeat(66_000)}\r\n\r\n`],
]

describe('answers that are refused', () => {
  for (const [rule, wire] of RESPONSE_RULES) {
    test(`${rule}, and that is a 502`, () => {
      const { fault } = readResponses([latin1(wire)], 'GET', false)
      assert.equal(fault?.httpStatus, 502)
      assert.deepEqual(readResponses(byteByByte(latin1(wire)), 'GET', false).fault, fault)
    })
  }
})

describe('limits', () => {
  test('100 fields and 64 KiB exactly are taken', () => {
    assert.equal(readRequests([latin1(get('a: b\r\n'.repeat(99)))]).messages[0]?.ended, true)
    const rest = get('a: \r\n').length
    const { messages } = readRequests([latin1(get(`a: ${'b'.repeat(65_536 - rest)}\r\n`))])
    assert.equal(messages[0]?.ended, true)
    assert.equal(readRequests([latin1(get(`a: ${'b'.repeat(65_537 - rest)}\r\n`))]).fault?.httpStatus, 431)
  })

  test('a request line of 8 KiB exactly is taken', () => {
    const rest = 'GET / HTTP/1.1\r\n'.length
    assert.equal(readRequests([latin1(line(`GET /${'a'.repeat(8192 - rest)} HTTP/1.1`))]).messages.length, 1)
    assert.equal(readRequests([latin1(line(`GET /${'a'.repeat(8193 - rest)} HTTP/1.1`))]).fault?.httpStatus, 414)
  })

  test('an endless line is refused before its end comes', () => {
    assert.equal(readRequests([latin1('A'.repeat(8193))]).fault?.httpStatus, 414)
    assert.equal(readRequests([latin1(`GET / HTTP/1.1\r\n${'a'.repeat(65_536)}`)]).fault?.httpStatus, 431)
  })

  test('a reason never repeats what was sent', () => {
    for (const [, wire] of [...HEAD_RULES, ...FRAMING_RULES, ...CHUNK_RULES]) {
      const marked = wire.replaceAll('a', 'zqz')
      assert.ok(!readRequests([latin1(marked)]).fault?.reason.includes('zqz'))
    }
  })
})
