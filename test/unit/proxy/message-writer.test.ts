import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { MessageWriter } from '../../../proxy/message-writer.ts'

/** A socket that notes what leaves in each write. */
function noting(): { stream: Writable; writes: string[] } {
  const writes: string[] = []
  const stream = new Writable({
    decodeStrings: true,
    write(chunk: Buffer, _, done) {
      writes.push(chunk.toString('latin1'))
      done()
    },
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => chunk.toString('latin1')).join(''))
      done()
    },
  })
  return { stream, writes }
}

const endOfTurn = () => new Promise(resolve => setImmediate(resolve))

test('head and body leave in one write, chunked or not, small or large', async () => {
  for (const [framing, size, expected] of [
    ['length', 3, 'HEADxxx'],
    ['length', 100_000, `HEAD${'x'.repeat(100_000)}`],
    ['chunked', 3, 'HEAD3\r\nxxx\r\n0\r\n\r\n'],
  ] as const) {
    const { stream, writes } = noting()
    const writer = new MessageWriter(stream)

    writer.head('HEAD', framing)
    writer.data(Buffer.alloc(size, 'x'))
    writer.end(null)
    await endOfTurn()

    assert.deepEqual(writes, [expected])
  }
})

test('what is small leaves at the end of the turn, or when somebody is about to close', async () => {
  for (const framing of ['length', 'chunked'] as const) {
    const { stream, writes } = noting()
    const writer = new MessageWriter(stream)
    const say = (text: string) => {
      writer.head(text, framing)
      writer.data(Buffer.from(text))
      writer.end(null)
    }
    const said = (text: string) => (framing === 'length' ? text + text : `${text}1\r\n${text}\r\n0\r\n\r\n`)

    say('a')
    assert.deepEqual(writes, [])
    await endOfTurn()
    assert.deepEqual(writes, [said('a')])
    say('b')
    writer.flush()
    assert.deepEqual(writes, [said('a'), said('b')])
    await endOfTurn()
    assert.deepEqual(writes, [said('a'), said('b')])
  }
})

test('messages of one turn leave in order, whether they have a body or not', async () => {
  const message = fc.record({
    chunked: fc.boolean(),
    sizes: fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 4 }), async messages => {
      const { stream, writes } = noting()
      const writer = new MessageWriter(stream)
      let expected = ''

      for (const [n, { chunked, sizes }] of messages.entries()) {
        writer.head(`HEAD${n};`, chunked ? 'chunked' : 'length')
        expected += `HEAD${n};`
        for (const size of sizes) {
          const text = String(n).repeat(size)
          writer.data(Buffer.from(text))
          expected += chunked ? `${size.toString(16)}\r\n${text}\r\n` : text
        }
        writer.end(null)
        if (chunked) expected += '0\r\n\r\n'
      }
      await endOfTurn()

      assert.equal(writes.join(''), expected)
    }),
    { numRuns: 50 },
  )
})

test('a head without body yet leaves at the end of the turn', async () => {
  const { stream, writes } = noting()
  const writer = new MessageWriter(stream)

  writer.head('HEAD', 'chunked')
  assert.deepEqual(writes, [])
  await endOfTurn()

  assert.deepEqual(writes, ['HEAD'])
})

test('a small piece is copied before it is written: its buffer is the next read’s', () => {
  const written: Buffer[] = []
  const stream = new Writable({ write: (chunk: Buffer) => void written.push(chunk) })
  const writer = new MessageWriter(stream)
  const readBuffer = Buffer.from('first')

  writer.head('', 'length')
  writer.data(readBuffer)
  readBuffer.write('later')
  writer.flush()

  assert.equal(written[0]?.toString(), 'first')
})

test('however a body is cut and timed, the bytes are those of its pieces in order', async () => {
  const piece = fc.record({ size: fc.integer({ min: 1, max: 40_000 }), turnEnds: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), fc.boolean(), async (pieces, trailers) => {
      const { stream, writes } = noting()
      const writer = new MessageWriter(stream)
      let expected = 'HEAD'

      writer.head('HEAD', 'chunked')
      for (const [n, { size, turnEnds }] of pieces.entries()) {
        const letter = String.fromCharCode(97 + n)
        const chunk = Buffer.alloc(size, letter)
        writer.data(chunk)
        chunk.fill('!')
        expected += `${size.toString(16)}\r\n${letter.repeat(size)}\r\n`
        if (turnEnds) await endOfTurn()
      }
      writer.end(trailers ? ['x', 'y'] : null)
      expected += trailers ? '0\r\nx: y\r\n\r\n' : '0\r\n\r\n'
      await endOfTurn()

      assert.equal(writes.join(''), expected)
    }),
    { numRuns: 50 },
  )
})
