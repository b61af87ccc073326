/**
 * CPU of the HTTP/2 codec per request, beside what node:http2 takes for the same bytes. `node bench/http2-codec.ts [--json]`.
 * Figures are CPU time of this process, the best of several rounds: on a busy machine the worse ones tell about the neighbours. node:http2
 * reads with nghttp2 and makes a stream, a session's event and several objects of each request, and here it stands on a stream in memory
 * instead of a socket: its figure is that of the way not taken, not of nghttp2 alone.
 */
import { createServer } from 'node:http2'
import { Duplex } from 'node:stream'
import { Http2Connection } from '../proxy/http2/connection.ts'
import type { RequestHead, RequestToSend } from '../proxy/http2/heads.ts'
import { HpackDecoder } from '../proxy/http2/hpack/decoder.ts'
import { HpackEncoder } from '../proxy/http2/hpack/encoder.ts'
import type { Http2Owner } from '../proxy/http2/owner.ts'
import type { Stream, StreamUser } from '../proxy/http2/stream.ts'

const ROUNDS = 8
const PER_ROUND = 20_000
/** Requests that come in one read. */
const BATCH = 20

const BODY = Buffer.alloc(100, 'x')
const ANSWER_FIELDS = ['content-type', 'application/json', 'content-length', '100', 'server', 'report']

const SMALL = ['user-agent', 'curl/8.5.0', 'accept', '*/*']
const TRACED = [
  ...SMALL,
  ...['x-request-id', '7f3b0c6e-1d2a-4e5f-8a9b-0c1d2e3f4a5b', 'x-b3-traceid', '80f198ee56343ba864fe8b2a57d3eff7'],
  ...['x-b3-spanid', 'e457b5a2e4d86bd1', 'x-b3-sampled', '1'],
]
const BROWSER = [
  ...[
    'user-agent',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36',
  ],
  ...['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'],
  ...['accept-encoding', 'gzip, deflate, br', 'accept-language', 'en-US,en;q=0.9'],
  ...['cookie', 'session=abcdef0123456789; theme=dark', 'referer', 'http://report.example:8080/'],
  ...['cache-control', 'max-age=0'],
]

interface Figure {
  what: string
  nsPerRequest: number
}

function cpuNs(since?: NodeJS.CpuUsage): { usage: NodeJS.CpuUsage; ns: number } {
  const usage = process.cpuUsage(since)
  return { usage, ns: (usage.user + usage.system) * 1000 }
}

/** `run(times)` does the thing so often and returns a number that depends on it, lest it be optimised away. */
function measure(what: string, run: (times: number) => number): Figure {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const { usage } = cpuNs()
    if (run(PER_ROUND) === 0) throw new Error(`${what} did nothing`)
    best = Math.min(best, cpuNs(usage).ns / PER_ROUND)
  }
  return { what, nsPerRequest: best }
}

function requestFor(fields: readonly string[], i: number): RequestToSend {
  return {
    method: 'GET',
    scheme: 'http',
    authority: 'report.example:8080',
    path: `/api/report/trip/${i}`,
    protocol: '',
    fields,
    neverIndexed: null,
  }
}

/** The least owner and user: a server that answers with 100 bytes, a client that drops what comes. */
class Peer implements Http2Owner, StreamUser {
  readonly connection: Http2Connection
  answered = 0
  #out: Buffer[] = []

  constructor(role: 'server' | 'client') {
    this.connection = new Http2Connection(role, this, { limits: { concurrentStreamsMax: 1000 } }, 0)
    this.connection.start()
  }

  /** What it has to say. */
  take(): Buffer[] {
    this.#out = []
    this.connection.flush(this)
    return this.#out
  }
  write(bytes: Buffer): boolean {
    this.#out.push(bytes)
    return false
  }
  wantsFlush(): void {}
  onRequest(stream: Stream, _head: RequestHead): void {
    stream.user = this
    this.connection.head(stream, 200, ANSWER_FIELDS, null, false)
    this.connection.data(stream, BODY)
    this.connection.end(stream, null)
    this.answered++
  }
  onSettings(): void {}
  onFree(): void {}
  onGoAway(): void {}
  onPong(): void {}
  onFailed(fault: { reason: string }): void {
    throw new Error(fault.reason)
  }
  onDrained(): void {}
  onStreamFault(): void {}
  onBug(): void {}
  onInformational(): void {}
  onHead(): void {}
  onData(): void {}
  onEnd(): void {
    this.answered++
  }
  onBroken(): void {}
  onWritable(): void {}
}

/** Requests as a client of ours sends them, a batch a chunk, and behind them an answer to our SETTINGS. */
function requestBytes(fields: readonly string[], requests: number): { hello: Buffer; batches: Buffer[] } {
  const client = new Peer('client')
  const server = new Peer('server')
  const hello = Buffer.concat(client.take())
  for (const bytes of [hello]) server.connection.feed(bytes, 0)
  for (const bytes of server.take()) client.connection.feed(bytes, 0)
  const greeting = Buffer.concat([hello, ...client.take()])
  const batches: Buffer[] = []
  for (let i = 0; i < requests; ) {
    for (const last = i + BATCH; i < last; i++) client.connection.open(requestFor(fields, i), client, true)
    const bytes = Buffer.concat(client.take())
    batches.push(bytes)
    server.connection.feed(bytes, 0)
    for (const answer of server.take()) client.connection.feed(answer, 0)
  }
  return { hello: greeting, batches }
}

function serving(name: string, hello: Buffer, batches: readonly Buffer[]): Figure {
  return measure(`serve, ${name}`, () => {
    const server = new Peer('server')
    server.connection.feed(hello, 0)
    for (const bytes of batches) {
      server.connection.feed(bytes, 0)
      server.take()
    }
    return server.answered
  })
}

/** A client's request and the answer to it, both codecs: what a hop between two proxies costs the two. */
function hop(name: string, fields: readonly string[]): Figure {
  return measure(`ask and serve, ${name}`, times => {
    const client = new Peer('client')
    const server = new Peer('server')
    const exchange = (): void => {
      for (const bytes of client.take()) server.connection.feed(bytes, 0)
      for (const bytes of server.take()) client.connection.feed(bytes, 0)
    }
    exchange()
    exchange()
    for (let i = 0; i < times; ) {
      for (const last = i + BATCH; i < last; i++) client.connection.open(requestFor(fields, i), client, true)
      exchange()
    }
    return client.answered
  })
}

function decoding(name: string, fields: readonly string[]): Figure {
  const encoder = new HpackEncoder(4096)
  const blocks = Array.from({ length: PER_ROUND }, (_, i) => {
    encoder.begin()
    encoder.fields([':method', 'GET', ':path', `/api/report/trip/${i}`, ':scheme', 'http', ...fields], null)
    return Buffer.from(encoder.block.subarray(0, encoder.blockBytes))
  })
  let count = 0
  const sink = {
    onField() {
      count++
    },
  }
  return measure(`decode fields, ${name}`, () => {
    const decoder = new HpackDecoder(4096)
    for (const block of blocks) decoder.decode(block, 0, block.length, sink)
    return count
  })
}

function encoding(name: string, fields: readonly string[]): Figure {
  return measure(`encode fields, ${name}`, times => {
    const encoder = new HpackEncoder(4096)
    let bytes = 0
    for (let i = 0; i < times; i++) {
      encoder.begin()
      encoder.fields(fields, null)
      bytes += encoder.blockBytes
    }
    return bytes
  })
}

class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done()
  }
}

/** node:http2 reading the same bytes off a stream in memory, and answering in the same way. */
async function nodeHttp2(name: string, hello: Buffer, batches: readonly Buffer[]): Promise<Figure> {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const wire = new Wire()
    let left = batches.length * BATCH
    let next = 0
    const done = new Promise<void>(resolve => {
      const server = createServer({ settings: { maxConcurrentStreams: 1000 } })
      server.on('stream', stream => {
        stream.respond({ 'content-type': 'application/json', 'content-length': '100', server: 'report' })
        stream.end(BODY)
        stream.on('close', () => {
          left--
          if (left === 0) resolve()
          else if (left % BATCH === 0) setImmediate(() => wire.push(batches[next++]))
        })
      })
      server.emit('connection', wire)
    })
    const { usage } = cpuNs()
    wire.push(hello)
    wire.push(batches[next++])
    await done
    best = Math.min(best, cpuNs(usage).ns / (batches.length * BATCH))
    wire.destroy()
  }
  return { what: `node:http2 server, ${name}`, nsPerRequest: best }
}

const kinds = [
  ['2 fields', SMALL],
  ['traced, 6 fields', TRACED],
  ['browser, 7 fields', BROWSER],
] as const

const figures: Figure[] = []
const peers = new Map<string, number>()
// What is measured first would otherwise pay for what V8 learns.
const warm = requestBytes(SMALL, PER_ROUND)
await nodeHttp2('warm', warm.hello, warm.batches)
for (const [name, fields] of kinds) {
  const { hello, batches } = requestBytes(fields, PER_ROUND)
  figures.push(decoding(name, fields), encoding(name, fields), serving(name, hello, batches), hop(name, fields))
  const peer = await nodeHttp2(name, hello, batches.slice(0, batches.length / 4))
  figures.push(peer)
  peers.set(name, peer.nsPerRequest)
}

if (process.argv.includes('--json')) {
  console.log(JSON.stringify(figures))
} else {
  console.log('what                                       ns   of node:http2 server')
  for (const { what, nsPerRequest } of figures) {
    const peer = [...peers].find(([name]) => what.endsWith(name))?.[1]
    const ratio = peer === undefined ? '' : `${((nsPerRequest / peer) * 100).toFixed(1)} %`
    console.log(`${what.padEnd(36)} ${nsPerRequest.toFixed(0).padStart(8)} ${ratio.padStart(22)}`)
  }
}
