import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameReader } from '../../proxy/http2/frame-reader.ts'
import { HpackDecoder } from '../../proxy/http2/hpack/decoder.ts'
import type { Role } from '../../proxy/http2/settings.ts'
import { cuts } from '../unit/proxy/http1/messages.ts'
import { piecesOf } from '../unit/proxy/http1/reading.ts'
import * as wire from '../unit/proxy/http2/frames.ts'
import { script, told } from '../unit/proxy/http2/scripts.ts'
import { server } from '../unit/proxy/http2/tested.ts'

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 300)

const mutations = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 4 }), fc.uint8Array({ maxLength: 4 })), { maxLength: 6 })

function mutated(bytes: Buffer, changes: readonly (readonly [number, number, Uint8Array])[]): Buffer {
  let result = bytes
  for (const [at, removed, added] of changes) {
    const from = at % (result.length + 1)
    result = Buffer.concat([result.subarray(0, from), added, result.subarray(from + removed)])
  }
  return result
}

for (const role of ['server', 'client'] as const satisfies Role[]) {
  test(`a ${role} never throws on mutated bytes, answers with whole frames, and ends for good where it ends`, () => {
    fc.assert(
      fc.property(script(role), mutations, cuts, (bytes, changes, at) => {
        const result = told(role, piecesOf(mutated(bytes, changes), at))
        assert.deepEqual(result.bugs, [])
        const frames = wire.framesOf(result.sent)
        if (result.fault !== undefined) assert.equal(frames.at(-1)?.type, wire.GOAWAY)
        for (const { payload } of frames) assert.ok(payload.length <= 16_384)
      }),
      { numRuns },
    )
  })

  test(`bytes to a ${role} mean the same however they are cut`, () => {
    fc.assert(
      fc.property(script(role), mutations, cuts, (bytes, changes, at) => {
        const changed = mutated(bytes, changes)
        assert.deepEqual(told(role, piecesOf(changed, at)), told(role, [changed]))
      }),
      { numRuns },
    )
  })

  test(`after whatever came, all streams of a ${role} have ended in one way`, () => {
    fc.assert(
      fc.property(script(role), bytes => {
        for (const { order } of told(role, [bytes]).streams as { order: string[] }[]) {
          const ends = order.filter(what => what === 'broken').length
          assert.ok(ends <= 1 && (ends === 0 || order.at(-1) === 'broken'), order.join())
          assert.ok(order.filter(what => what === 'end').length <= 1)
          assert.ok(
            !order.includes('data') || order.lastIndexOf('data') < (order.indexOf('end') + 1 || order.length + 1),
          )
        }
      }),
      { numRuns },
    )
  })
}

test('random bytes are cut into frames that never reach beyond what came', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), cuts, (bytes, at) => {
      let taken = 0
      const reader = new FrameReader()
      const sink = {
        onFrame(_type: number, _flags: number, _id: number, whole: Buffer, from: number, to: number): boolean {
          assert.ok(from <= to && to <= whole.length)
          taken += to - from + 9
          return true
        },
        onDataBegin: () => true,
        onDataBytes(piece: Buffer): boolean {
          taken += piece.length
          return true
        },
        onDataEnd: () => true,
        onFrameTooLarge: () => false,
        onPaddingTooLong: () => false,
      }
      for (const piece of piecesOf(Buffer.from(bytes), at)) reader.read(piece, 0, sink)
      assert.ok(taken <= bytes.length)
    }),
    { numRuns },
  )
})

test('random header blocks never throw, and never let the table grow beyond its size', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 }), blocks => {
      const decoder = new HpackDecoder(256)
      decoder.onSettingsAcked()
      const sink = { onField: () => {} }
      for (const block of blocks) {
        const bytes = Buffer.concat([Buffer.from([0x3f, 0xe1, 0x01]), block])
        if (decoder.decode(bytes, 0, bytes.length, sink) !== '') break
        assert.ok(decoder.tableBytes <= 256)
      }
    }),
    { numRuns },
  )
})

test('what a connection keeps is bounded, whatever a client sends that nobody reads', () => {
  fc.assert(
    fc.property(fc.array(script('server'), { minLength: 1, maxLength: 5 }), scripts => {
      const tested = server()
      tested.connection.congested()
      for (const bytes of scripts) tested.feed(bytes.subarray(wire.clientHello.length))
      const { connection } = tested
      assert.ok(connection.streamsOpen <= 100)
      const unread = tested.seen
        .filter(({ broken }) => broken === undefined)
        .reduce((sum, { body }) => sum + body.length, 0)
      assert.ok(unread <= 100 * 65_536)
    }),
    { numRuns },
  )
})
