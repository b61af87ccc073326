import fc from 'fast-check'
import type { Role } from '../../../../proxy/http2/settings.ts'
import * as wire from './frames.ts'
import { asking, opened, type Seen, Tested } from './tested.ts'

/** What a peer may send, sound and less sound, and what becomes of it. */

const STREAMS_OPEN = 6

/** Mostly streams that are there: one wrong id ends the connection, and all behind it would be in vain. */
const ids = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(1, 1, 3, 3, 5, 7, 9, 11) },
  { weight: 1, arbitrary: fc.constantFrom(0, 2, 13, 2 ** 31 - 1) },
)
const flags = fc.constantFrom(0, 1, 4, 5, 5, 8, 9, 12, 13, 0x20, 0x25, 0x2d, 255)
const bytes = fc.uint8Array({ maxLength: 40 }).map(piece => Buffer.from(piece))

const field = fc.constantFrom(
  ['x-a', 'b'],
  ['cookie', 'a=b'],
  ['content-length', '3'],
  ['te', 'trailers'],
  ['Upper', 'x'],
  ['x-bad', 'a\nb'],
  ['connection', 'close'],
  [':path', '/twice'],
  ['expect', '100-continue'],
)
const someFields = fc.array(field, { maxLength: 3 }).map(pairs => pairs.flat())
const pattern = fc.constantFrom(0x00, 0x10, 0x40)

function head(fields: readonly string[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(ids, someFields, pattern, fc.boolean(), fc.constantFrom(0, 0, 1, 2))
    .map(([id, more, literal, ends, continuations]) => {
      const block = wire.literals([...fields, ...more], literal)
      if (continuations === 0) return wire.frame(wire.HEADERS, ends ? 5 : 4, id, block)
      const cut = Math.floor(block.length / 2)
      return Buffer.concat([
        wire.frame(wire.HEADERS, ends ? 1 : 0, id, block.subarray(0, cut)),
        wire.frame(wire.CONTINUATION, 0, id, continuations === 2 ? block.subarray(cut, cut + 1) : ''),
        wire.frame(wire.CONTINUATION, wire.END_HEADERS, id, block.subarray(continuations === 2 ? cut + 1 : cut)),
      ])
    })
}

const padded = fc
  .tuple(ids, fc.constantFrom(8, 9), fc.nat({ max: 20 }), bytes)
  .map(([id, flag, padding, body]) =>
    wire.frame(wire.DATA, flag, id, Buffer.concat([Buffer.from([padding]), body, Buffer.alloc(padding)])),
  )

const piece = (role: Role): fc.Arbitrary<Buffer> =>
  fc.oneof(
    { weight: 6, arbitrary: role === 'server' ? head(wire.POST) : head([':status', '200']) },
    { weight: 2, arbitrary: role === 'server' ? head(['x-trailer', 'y']) : head([':status', '103']) },
    { weight: 1, arbitrary: head(['x-trailer', 'y']) },
    { weight: 6, arbitrary: fc.tuple(ids, bytes, fc.boolean()).map(([id, body, ends]) => wire.data(id, body, ends)) },
    { weight: 2, arbitrary: padded },
    { weight: 2, arbitrary: fc.tuple(ids, fc.nat({ max: 14 })).map(([id, code]) => wire.reset(id, code)) },
    { weight: 2, arbitrary: fc.tuple(ids, fc.nat({ max: 70_000 })).map(([id, by]) => wire.windowUpdate(id, by)) },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.nat({ max: 10 }), fc.nat({ max: 70_000 })).map(([id, value]) => wire.settings(id, value)),
    },
    { weight: 1, arbitrary: fc.constantFrom(wire.ping(), wire.settingsAck, wire.goAway(3), wire.goAway(2 ** 31 - 1)) },
    { weight: 1, arbitrary: fc.tuple(fc.nat({ max: 12 }), flags, ids, bytes).map(parts => wire.frame(...parts)) },
  )

/** Bytes to a connection of ours, which is `role`. Begins as it should; a client's opens streams before it goes astray. */
export function script(role: Role): fc.Arbitrary<Buffer> {
  const hello = role === 'server' ? wire.clientHello : wire.serverHello
  const openings = role === 'server' ? wire.times(STREAMS_OPEN, i => wire.post(i * 2 + 1)) : Buffer.alloc(0)
  return fc
    .tuple(fc.boolean(), fc.array(piece(role), { maxLength: 25 }))
    .map(([opens, pieces]) => Buffer.concat([hello, opens ? openings : Buffer.alloc(0), ...pieces]))
}

export interface Told {
  streams: unknown[]
  faults: string[]
  fault: unknown
  told: string[]
  sent: Buffer
  bugs: unknown[]
}

/** What the connection tells of these bytes, and what it answers. Our side answers some requests, and passes on what it is given. */
export function told(role: Role, pieces: readonly Buffer[]): Told {
  const tested = new Tested(role)
  const seen = role === 'client' ? openSome(tested) : tested.seen
  if (role === 'server') answerSome(tested)
  for (const piece of pieces) tested.feed(piece)
  return {
    streams: seen.map(({ request, informational, head, body, trailers, broken, order }) => {
      // A piece of a body may be told before the rest of its frame is seen to be wrong.
      return { request, informational, head, body, trailers, broken, order }
    }),
    faults: tested.faults,
    fault: tested.fault,
    told: tested.told,
    sent: tested.sentBytes(),
    bugs: tested.bugs,
  }
}

function openSome(tested: Tested): Seen[] {
  return Array.from({ length: STREAMS_OPEN }, (_, i) => {
    const { stream, seen } = opened(tested, asking(i === 5 ? 'HEAD' : 'POST', `/${i}`), i % 2 === 1)
    seen.onDataCame = bytes => tested.connection.consumed(stream, bytes.length)
    if (i === 0) tested.connection.data(stream, Buffer.alloc(30, 'r'))
    return seen
  })
}

function answerSome(tested: Tested): void {
  tested.onRequestCame = (seen, stream) => {
    const { connection } = tested
    if (stream.id % 4 === 1) {
      connection.head(stream, 200, ['x-a', 'b'], null, false)
      connection.data(stream, Buffer.alloc(30, 'a'))
    }
    if (stream.id === 5) connection.end(stream, ['x-sum', '9'])
    if (stream.id === 7) connection.reset(stream, 2)
    seen.onDataCame = bytes => connection.consumed(stream, bytes.length)
  }
}
