import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Http2Limits } from '../../../../proxy/http2/limits.ts'
import { CLIENT_PREFACE } from '../../../../proxy/http2/preface.ts'
import type { Stream } from '../../../../proxy/http2/stream.ts'
import { asking, Seen, Tested } from './tested.ts'

/** One step of a client and a server of ours that talk with each other, both of whose users do as they like. */
export type Step =
  | { do: 'open'; ends: boolean }
  | { do: 'data' | 'consume'; from: 'client' | 'server'; stream: number; bytes: number }
  | { do: 'end' | 'reset'; from: 'client' | 'server'; stream: number; trailers: boolean }
  | { do: 'carry'; from: 'client' | 'server'; bytes: number }
  | { do: 'congested' | 'drained'; from: 'client' | 'server' }

/** As many as the longest queue takes through the smallest window. */
const ROUNDS_MAX = 10_000

const from = fc.constantFrom<'client' | 'server'>('client', 'server')
const stream = fc.nat({ max: 5 })

export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('open' as const), ends: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('data' as const, 'data' as const, 'consume' as const),
      from,
      stream,
      bytes: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 60_000 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('end' as const, 'end' as const, 'end' as const, 'reset' as const),
      from,
      stream,
      trailers: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('carry' as const), from, bytes: fc.nat({ max: 30_000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('congested' as const, 'drained' as const), from }) },
)

/** One direction of a stream: what was said, and what came. */
interface Way {
  said: string
  ended: boolean
  seen: Seen
}

class Talk {
  client: Stream
  server: Stream | undefined = undefined
  readonly request: Way
  readonly answer: Way
  reset = false
  answering = false

  constructor(client: Stream, seen: Seen, ended: boolean) {
    this.client = client
    this.answer = { said: '', ended: false, seen }
    this.request = { said: '', ended, seen: new Seen() }
  }
}

export class Pair {
  readonly client: Tested
  readonly server: Tested
  readonly talks: Talk[] = []
  readonly #wires = { client: Buffer.alloc(0), server: Buffer.alloc(0) }
  #letter = 0

  constructor(limits: Partial<Http2Limits>) {
    this.client = new Tested('client', { limits })
    this.server = new Tested('server', { limits })
    this.#wires.client = Buffer.from(CLIENT_PREFACE)
    // A client that knows nothing yet may open more than a few, and some are refused: not what is looked at here.
    if ((limits.concurrentStreamsMax ?? 100) < 100) this.#carry('server', 1e9)
    this.server.onRequestCame = (seen, stream) => {
      const talk = this.talks.find(({ client }) => client.id === stream.id)!
      talk.server = stream
      talk.request.seen = seen
    }
  }

  run(step: Step): void {
    switch (step.do) {
      case 'open':
        this.#open(step.ends)
        break
      case 'data':
        this.#data(step.from, this.talks[step.stream], step.bytes)
        break
      case 'consume':
        this.#consume(step.from, this.talks[step.stream], step.bytes)
        break
      case 'end':
        this.#end(step.from, this.talks[step.stream], step.trailers)
        break
      case 'reset':
        this.#reset(step.from, this.talks[step.stream])
        break
      case 'carry':
        this.#carry(step.from, step.bytes)
        break
      case 'congested':
        this[step.from].connection.congested()
        break
      case 'drained':
        this[step.from].connection.drained(1000)
        break
    }
  }

  #open(ends: boolean): void {
    const seen = new Seen()
    const stream = this.client.connection.open(asking('POST', '/', 'x-a', String(this.talks.length % 3)), seen, ends)
    if (typeof stream !== 'string') this.talks.push(new Talk(stream, seen, ends))
  }

  #data(from: 'client' | 'server', talk: Talk | undefined, bytes: number): void {
    if (talk === undefined) return
    const way = from === 'client' ? talk.request : talk.answer
    const stream = from === 'client' ? talk.client : talk.server
    if (stream === undefined || way.ended || talk.reset || stream.queuedBytes > 100_000) return
    if (from === 'server') this.#answer(talk, stream)
    const text = String.fromCharCode(97 + (this.#letter++ % 26)).repeat(bytes)
    way.said += text
    this[from].connection.data(stream, Buffer.from(text))
  }

  #answer(talk: Talk, stream: Stream): void {
    if (!talk.answering) this.server.connection.head(stream, 200, ['x-b', 'c'], null, false)
    talk.answering = true
  }

  #consume(from: 'client' | 'server', talk: Talk | undefined, bytes: number): void {
    const stream = from === 'client' ? talk?.client : talk?.server
    if (stream !== undefined) this[from].connection.consumed(stream, bytes)
  }

  #end(from: 'client' | 'server', talk: Talk | undefined, trailers: boolean): void {
    const stream = from === 'client' ? talk?.client : talk?.server
    if (talk === undefined || stream === undefined || talk.reset) return
    const way = from === 'client' ? talk.request : talk.answer
    // A server that answers early gives the request up: here it waits, so that all that was said must come.
    if (from === 'server' && talk.request.seen.trailers === undefined && !talk.request.ended) return
    if (from === 'server' && !stream.peerEnded) return
    if (from === 'server') this.#answer(talk, stream)
    way.ended = true
    this[from].connection.end(stream, trailers ? ['x-sum', '9'] : null)
  }

  #reset(from: 'client' | 'server', talk: Talk | undefined): void {
    const stream = from === 'client' ? talk?.client : talk?.server
    if (talk === undefined || stream === undefined || stream.closed) return
    talk.reset = true
    this[from].connection.reset(stream, 8)
  }

  #carry(from: 'client' | 'server', bytes: number): void {
    const wire = Buffer.concat([this.#wires[from], this[from].sentBytes()])
    this.#wires[from] = wire.subarray(bytes)
    if (wire.length > 0) this[from === 'client' ? 'server' : 'client'].feed(wire.subarray(0, bytes))
  }

  /** All consumed, all ended, all carried: what was said must have come, and nothing be left over. */
  settle(): void {
    const open = (): number => this.client.connection.streamsOpen + this.server.connection.streamsOpen
    for (let round = 0; round < 4 || (round < ROUNDS_MAX && open() > 0); round++) {
      for (const side of ['client', 'server'] as const) {
        this[side].connection.drained(1000)
        this.#carry(side, 1e9)
        for (const talk of this.talks) this.#consume(side, talk, 1e9)
      }
      for (const talk of this.talks) {
        if (!talk.request.ended) this.#end('client', talk, round % 2 === 0)
        else if (!talk.answer.ended) this.#end('server', talk, round % 2 === 0)
      }
    }
    assert.deepEqual([this.client.fault, this.server.fault], [undefined, undefined])
    assert.deepEqual([this.client.faults, this.server.faults], [[], []])
    assert.deepEqual([this.client.connection.streamsOpen, this.server.connection.streamsOpen], [0, 0])
    for (const { request, answer, reset } of this.talks) for (const way of [request, answer]) assertCame(way, reset)
  }
}

function assertCame({ said, seen }: Way, reset: boolean): void {
  if (reset) assert.ok(said.startsWith(seen.body))
  else assert.ok(seen.body === said, `${seen.body.length} of ${said.length} bytes came`)
}
