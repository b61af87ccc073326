/**
 * CPU of the HTTP/1.1 codec per head, beside what node:http takes for the same bytes. `node bench/http1-codec.ts [--json]`.
 * Figures are CPU time of this thread, the best of several rounds: on a busy machine the worse ones tell about the
 * neighbours. node:http parses with llhttp and makes a request, a response and a timer of each head, so its figure is
 * that of the way not taken, not of llhttp alone.
 */
import { createServer } from 'node:http'
import { Duplex } from 'node:stream'
import { BodyReader } from '../proxy/http1/body.ts'
import { requestFieldsToPass, responseFieldsToPass } from '../proxy/http1/hop-by-hop.ts'
import { requestHeadReader } from '../proxy/http1/request-head.ts'
import { responseHeadReader } from '../proxy/http1/response-head.ts'
import { serializeRequestHead, serializeResponseHead } from '../proxy/http1/serialize.ts'

const ROUNDS = 12
const PER_ROUND = 50_000

const SMALL = ['GET /api/report/trip/42 HTTP/1.1', 'Host: report:8080', 'User-Agent: curl/8.5.0', 'Accept: */*']
const TRACED = [
  ...SMALL,
  'X-Request-Id: 7f3b0c6e-1d2a-4e5f-8a9b-0c1d2e3f4a5b',
  'X-B3-TraceId: 80f198ee56343ba864fe8b2a57d3eff7',
  'X-B3-SpanId: e457b5a2e4d86bd1',
  'X-B3-Sampled: 1',
]
const BROWSER = [
  'GET /api/report/trip/42?expand=expenses HTTP/1.1',
  'Host: report.example:8080',
  'Connection: keep-alive',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Encoding: gzip, deflate, br',
  'Accept-Language: en-US,en;q=0.9',
  'Cookie: session=abcdef0123456789; theme=dark',
  'Referer: http://report.example:8080/',
  'Cache-Control: max-age=0',
]
const ANSWER = [
  'HTTP/1.1 200 OK',
  'Content-Type: application/json',
  'Content-Length: 100',
  'Date: Tue, 01 Jan 2030 00:00:00 GMT',
  'Connection: keep-alive',
  'Keep-Alive: timeout=5',
]

interface Figure {
  what: string
  bytes: number
  nsPerMessage: number
}

function bytesOf(lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

function cpuNs(since?: NodeJS.CpuUsage): { usage: NodeJS.CpuUsage; ns: number } {
  const usage = process.threadCpuUsage(since)
  return { usage, ns: (usage.user + usage.system) * 1000 }
}

/** `run(times)` does the thing so often and returns a number that depends on it, lest it be optimised away. */
function measure(what: string, bytes: number, run: (times: number) => number): Figure {
  let best = Number.POSITIVE_INFINITY
  let kept = 0
  for (let round = 0; round < ROUNDS; round++) {
    const { usage } = cpuNs()
    kept += run(PER_ROUND)
    best = Math.min(best, cpuNs(usage).ns / PER_ROUND)
  }
  if (kept === 0) throw new Error(`${what} did nothing`)
  return { what, bytes, nsPerMessage: best }
}

function parsing(name: string, lines: readonly string[]): Figure {
  const bytes = bytesOf(lines)
  const reader = requestHeadReader()
  return measure(`parse request, ${name}`, bytes.length, times => {
    let fields = 0
    for (let i = 0; i < times; i++) {
      const head = reader.feed(bytes, 0)
      if (head.status === 'complete') fields += head.fields.length
    }
    return fields
  })
}

/** What a proxy does with a request head: parse, drop hop-by-hop fields, serialize. */
function passingOn(name: string, lines: readonly string[]): Figure {
  const bytes = bytesOf(lines)
  const reader = requestHeadReader()
  return measure(`pass request on, ${name}`, bytes.length, times => {
    let length = 0
    for (let i = 0; i < times; i++) {
      const head = reader.feed(bytes, 0)
      if (head.status !== 'complete') throw new Error('the request of the benchmark is not sound')
      length += serializeRequestHead(head.method, head.path, requestFieldsToPass(head), 'none', '', '').length
    }
    return length
  })
}

function passingAnswerOn(): Figure {
  const bytes = bytesOf(ANSWER)
  const reader = responseHeadReader()
  return measure('pass answer on', bytes.length, times => {
    let length = 0
    for (let i = 0; i < times; i++) {
      const head = reader.feed(bytes, 0)
      if (head.status !== 'complete') throw new Error('the answer of the benchmark is not sound')
      const fields = responseFieldsToPass(head)
      length += serializeResponseHead(head.statusCode, head.reason, fields, 'length', '', '').length
    }
    return length
  })
}

/** Chunks of 100 bytes, 100 in one read: the worst that is not an attack. */
function chunks(): Figure {
  const bytes = Buffer.from(`${`64\r\n${'x'.repeat(100)}\r\n`.repeat(100)}0\r\n\r\n`, 'latin1')
  const reader = new BodyReader('response')
  let read = 0
  const sink = {
    onData(data: Buffer) {
      read += data.length
    },
    onEnd() {},
  }
  const figure = measure('read 100 chunks of 100 bytes', bytes.length, times => {
    for (let i = 0; i < times / 100; i++) {
      reader.begin('chunked', -1)
      reader.read(bytes, 0, sink)
    }
    return read
  })
  return { ...figure, nsPerMessage: figure.nsPerMessage * 100 }
}

class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done()
  }
}

/** node:http reading the same heads off a stream in memory and answering each with nothing. */
async function nodeHttp(name: string, lines: readonly string[]): Promise<Figure> {
  const bytes = bytesOf(lines)
  const perChunk = 20
  const chunk = Buffer.concat(Array.from({ length: perChunk }, () => bytes))
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const requests = PER_ROUND / 10
    let left = requests
    const wire = new Wire()
    const done = new Promise<void>(resolve => {
      const server = createServer((_request, response) => {
        response.end()
        left--
        if (left === 0) resolve()
        else if (left % perChunk === 0) setImmediate(() => wire.push(chunk))
      })
      server.emit('connection', wire)
    })
    const { usage } = cpuNs()
    wire.push(chunk)
    await done
    best = Math.min(best, cpuNs(usage).ns / requests)
    wire.destroy()
  }
  return { what: `node:http server, ${name}`, bytes: bytes.length, nsPerMessage: best }
}

const kinds = [
  ['4 lines', SMALL],
  ['traced, 8 lines', TRACED],
  ['browser, 10 lines', BROWSER],
] as const

const figures: Figure[] = []
for (const [name, lines] of kinds) figures.push(parsing(name, lines), passingOn(name, lines))
figures.push(passingAnswerOn(), chunks())
const peers = new Map<string, number>()
for (const [name, lines] of kinds) {
  const figure = await nodeHttp(name, lines)
  figures.push(figure)
  peers.set(name, figure.nsPerMessage)
}

if (process.argv.includes('--json')) {
  console.log(JSON.stringify(figures))
} else {
  console.log('what                                bytes        ns   of node:http')
  for (const { what, bytes, nsPerMessage } of figures) {
    const peer = [...peers].find(([name]) => what.endsWith(name))?.[1]
    const ratio = peer === undefined ? '' : `${((nsPerMessage / peer) * 100).toFixed(0)} %`
    console.log(
      `${what.padEnd(34)} ${String(bytes).padStart(6)} ${nsPerMessage.toFixed(0).padStart(9)} ${ratio.padStart(14)}`,
    )
  }
}
