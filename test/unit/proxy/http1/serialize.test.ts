import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  chunkPrefix,
  lastChunk,
  serializeRequestHead,
  serializeResponseHead,
} from '../../../../proxy/http1/serialize.ts'

const UNFIT = ['a\r\nb: c', 'a\n', '\r', '\r\n', 'a\0', '\x7f', 'a\u010a', '\u560d\u560a', 'x\r\n\r\nGET / HTTP/1.1']

describe('serializing', () => {
  test('fields of the connection stand behind those of the message', () => {
    assert.equal(
      serializeRequestHead('GET', '/a', ['host', 'b', 'accept', ''], 'chunked', 'upgrade', 'websocket'),
      'GET /a HTTP/1.1\r\nhost: b\r\naccept: \r\ntransfer-encoding: chunked\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    )
  })

  test('an answer without a reason phrase gets the usual one, or none', () => {
    assert.equal(serializeResponseHead(404, '', [], 'none', '', ''), 'HTTP/1.1 404 Not Found\r\n\r\n')
    assert.equal(serializeResponseHead(799, '', [], 'none', 'close', ''), 'HTTP/1.1 799 \r\nconnection: close\r\n\r\n')
  })

  test('nothing that is not one line leaves as one line: it throws', () => {
    for (const unfit of UNFIT) {
      assert.throws(() => serializeRequestHead('GET', '/', ['a', unfit], 'none', '', ''), /not checked/)
      assert.throws(() => serializeRequestHead('GET', '/', [unfit, 'a'], 'none', '', ''), /not checked/)
      assert.throws(() => serializeRequestHead('GET', unfit, [], 'none', '', ''), /not checked/)
      assert.throws(() => serializeRequestHead(unfit, '/', [], 'none', '', ''), /not checked/)
      assert.throws(() => serializeRequestHead('GET', '/', [], 'none', unfit, ''), /not checked/)
      assert.throws(() => serializeRequestHead('GET', '/', [], 'none', '', unfit), /not checked/)
      assert.throws(() => serializeResponseHead(200, unfit, [], 'none', '', ''), /not checked/)
      assert.throws(() => lastChunk(['a', unfit]), /not checked/)
    }
  })

  test('a value anywhere in a head of any size is looked at', () => {
    fc.assert(
      fc.property(fc.nat({ max: 60 }), fc.nat({ max: 200 }), fc.constantFrom(...UNFIT), (count, length, unfit) => {
        const fields = Array.from({ length: count }, (_, i) => [`x-${i}`, 'é'.repeat(length)]).flat()
        assert.throws(() => serializeRequestHead('GET', '/', [...fields, 'a', unfit], 'none', '', ''), /not checked/)
      }),
    )
  })

  test('a message never has both chunks and Content-Length', () => {
    assert.throws(() => serializeRequestHead('POST', '/', ['content-length', '5'], 'chunked', '', ''), /one framing/)
  })

  test('an empty piece of body makes no chunk, since that would end the body', () => {
    assert.equal(chunkPrefix(255), 'ff\r\n')
    assert.throws(() => chunkPrefix(0), /empty piece/)
  })
})
