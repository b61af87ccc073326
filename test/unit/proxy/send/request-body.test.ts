import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { MessageWriter } from '../../../../proxy/message-writer.ts'
import { RequestBody } from '../../../../proxy/send/request-body.ts'

function sink(framing: 'length' | 'chunked'): { writer: MessageWriter; text: () => string } {
  const stream = new PassThrough({ highWaterMark: 1 << 24 })
  const writer = new MessageWriter(stream)
  writer.head('HEAD ', framing)
  return { writer, text: () => String(stream.read() ?? '') }
}

test('however the pieces come and whenever connections do, each connection gets the whole body from its beginning', () => {
  const pieces = fc.array(fc.string({ minLength: 1, maxLength: 50 }), { maxLength: 20 })
  fc.assert(
    fc.property(pieces, fc.array(fc.nat({ max: 20 }), { maxLength: 3 }), (texts, breaks) => {
      const body = new RequestBody(true)
      const sinks: ReturnType<typeof sink>[] = []
      texts.forEach((text, n) => {
        if (breaks.includes(n)) {
          const next = sink('length')
          sinks.push(next)
          body.sendTo(next.writer, false)
        }
        body.take(Buffer.from(text), sinks.at(-1)?.writer)
      })
      const last = sink('length')
      body.end(null, undefined)
      body.sendTo(last.writer, true)
      last.writer.flush()

      assert.equal(body.unrepeatable, false)
      assert.equal(last.text(), `HEAD ${texts.join('')}`)
    }),
  )
})

test('pieces are copied: what a socket does with its buffer later changes nothing', () => {
  const body = new RequestBody(true)
  const piece = Buffer.from('before')
  body.take(piece, undefined)
  piece.fill('x')
  const { writer, text } = sink('length')

  body.sendTo(writer, true)
  writer.flush()

  assert.equal(text(), 'HEAD before')
})

test('without a connection the client is told to wait at 64 KiB', () => {
  const body = new RequestBody(true)

  assert.equal(body.take(Buffer.alloc(65_535), undefined), true)
  assert.equal(body.take(Buffer.alloc(1), undefined), false)
  assert.equal(body.paused, true)
})

test('past 64 KiB the copy is let go of, and the body cannot be sent again', () => {
  const body = new RequestBody(true)
  const { writer } = sink('length')
  body.sendTo(writer, false)

  body.take(Buffer.alloc(65_536), writer)
  assert.equal(body.unrepeatable, false)
  body.take(Buffer.alloc(1), writer)

  assert.equal(body.unrepeatable, true)
})

test('trailers are sent again, too', () => {
  const body = new RequestBody(true)
  body.take(Buffer.from('abc'), undefined)
  body.end(['x-sum', '1'], undefined)
  const { writer, text } = sink('chunked')

  body.sendTo(writer, true)
  writer.flush()

  assert.equal(text(), 'HEAD 3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n')
})
