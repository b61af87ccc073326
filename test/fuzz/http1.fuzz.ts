import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { requestFieldsToPass, responseFieldsToPass } from '../../proxy/http1/hop-by-hop.ts'
import { serializeRequestHead, serializeResponseHead } from '../../proxy/http1/serialize.ts'
import { cuts, request } from '../unit/proxy/http1/messages.ts'
import { latin1, piecesOf, readRequests, readResponses, soundRequest } from '../unit/proxy/http1/reading.ts'
import { SMUGGLING } from '../unit/proxy/http1/smuggling.ts'

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 300)

const RESPONSES = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhelloHTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a="b"\r\nhello\r\n0\r\nA: b\r\n\r\n',
  'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end',
  'HTTP/1.1 204\r\nUpgrade: x\r\nConnection: upgrade, x-a\r\nX-A: b\r\n\r\n',
]

/** Bytes that mean something to some parser, so that a change is likelier to be a dangerous one. */
const morsel = fc.oneof(
  fc.constantFrom(
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    '\n\n',
    ' ',
    '\t',
    '\0',
    ':',
    ',',
    ';',
    '0',
    'f',
    '\x7f',
    '\xff',
    '"',
  ),
  fc.constantFrom(
    'Content-Length: 5\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Host: b\r\n',
    '0\r\n\r\n',
    ' HTTP/1.1\r\n',
  ),
  fc.integer({ min: 0, max: 255 }).map(code => String.fromCharCode(code)),
)

const mutation = fc.tuple(fc.nat(), fc.nat({ max: 4 }), fc.option(morsel, { nil: '' }))

function mutated(wire: string, mutations: readonly (readonly [number, number, string])[]): Buffer {
  let text = wire
  for (const [at, removed, morsel] of mutations) {
    const from = at % (text.length + 1)
    text = text.slice(0, from) + morsel + text.slice(from + removed)
  }
  return latin1(text)
}

const requestWire = fc.oneof(
  fc.array(request, { minLength: 1, maxLength: 3 }).map(requests => requests.map(({ wire }) => wire).join('')),
  fc.constantFrom(...SMUGGLING.map(([, wire]) => wire)),
)
const mutations = fc.array(mutation, { maxLength: 6 })

test('mutated requests never throw, and mean the same however they are cut', () => {
  fc.assert(
    fc.property(requestWire, mutations, cuts, (wire, changes, at) => {
      const bytes = mutated(wire, changes)
      assert.deepEqual(readRequests(piecesOf(bytes, at)), readRequests([bytes]))
    }),
    { numRuns },
  )
})

test('mutated answers never throw, and mean the same however they are cut', () => {
  fc.assert(
    fc.property(fc.constantFrom(...RESPONSES), mutations, cuts, fc.boolean(), (wire, changes, at, closes) => {
      const bytes = mutated(wire, changes)
      assert.deepEqual(readResponses(piecesOf(bytes, at), 'GET', closes), readResponses([bytes], 'GET', closes))
    }),
    { numRuns },
  )
})

test('random bytes never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), cuts, (bytes, at) => {
      const pieces = piecesOf(Buffer.from(bytes), at)
      readRequests(pieces)
      readResponses(pieces, 'GET', true)
    }),
    { numRuns },
  )
})

test('every head that is taken can be sent on, and the next hop reads the same end-to-end fields', () => {
  fc.assert(
    fc.property(requestWire, mutations, (wire, changes) => {
      for (const { head } of readRequests([mutated(wire, changes)]).messages) {
        const fields = requestFieldsToPass(head)
        if (head.form === 'authority' || !fields.includes('host')) continue
        const next = soundRequest(serializeRequestHead(head.method, head.path, fields, 'none', '', ''))
        assert.deepEqual([next.method, next.path, next.authority], [head.method, head.path, head.authority])
        assert.deepEqual(next.fields, fields)
      }
    }),
    { numRuns },
  )
})

test('every answer head that is taken can be sent on', () => {
  fc.assert(
    fc.property(fc.constantFrom(...RESPONSES), mutations, (wire, changes) => {
      for (const { head } of readResponses([mutated(wire, changes)], 'GET', true).messages) {
        serializeResponseHead(head.statusCode, head.reason, responseFieldsToPass(head), 'none', '', '')
      }
    }),
    { numRuns },
  )
})
