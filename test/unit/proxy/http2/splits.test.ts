import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cuts } from '../http1/messages.ts'
import { piecesOf } from '../http1/reading.ts'
import { script, told } from './scripts.ts'

test('however the bytes of a client are cut, they mean the same, and are answered with the same bytes', () => {
  fc.assert(
    fc.property(script('server'), cuts, (bytes, at) =>
      assert.deepEqual(told('server', piecesOf(bytes, at)), told('server', [bytes])),
    ),
  )
})

test('however the bytes of a server are cut, they mean the same, and are answered with the same bytes', () => {
  fc.assert(
    fc.property(script('client'), cuts, (bytes, at) =>
      assert.deepEqual(told('client', piecesOf(bytes, at)), told('client', [bytes])),
    ),
  )
})

test('byte by byte, too', () => {
  fc.assert(
    fc.property(script('server'), bytes => {
      const single = [...bytes].map(byte => Buffer.from([byte]))
      assert.deepEqual(told('server', single), told('server', [bytes]))
    }),
    { numRuns: 20 },
  )
})
