import assert from 'node:assert/strict'
import type { Fields } from '../../../../proxy/exchange.ts'
import { errorName } from '../../../../proxy/http2/codes.ts'
import { Http2Connection, type Http2Options } from '../../../../proxy/http2/connection.ts'
import type { RequestHead, RequestToSend, ResponseHead } from '../../../../proxy/http2/heads.ts'
import { HpackDecoder } from '../../../../proxy/http2/hpack/decoder.ts'
import type { Field } from '../../../../proxy/http2/hpack/field.ts'
import type { ConnectionFault, Http2Owner } from '../../../../proxy/http2/owner.ts'
import { CLIENT_PREFACE } from '../../../../proxy/http2/preface.ts'
import type { Role } from '../../../../proxy/http2/settings.ts'
import { emptyHttp2Stats, type Http2Stats } from '../../../../proxy/http2/stats.ts'
import type { Stream, StreamBroken, StreamUser } from '../../../../proxy/http2/stream.ts'
import { clientHello, type Frame, framesOf, GOAWAY, RST_STREAM, serverHello } from './frames.ts'

/** One stream as its user saw it. */
export class Seen implements StreamUser {
  stream: Stream | undefined = undefined
  request: RequestHead | undefined = undefined
  readonly informational: number[] = []
  head: ResponseHead | undefined = undefined
  body = ''
  trailers: Fields | null | undefined = undefined
  broken: StreamBroken | undefined = undefined
  /** The order of what came, data that follow each other as one. */
  readonly order: string[] = []
  writable = 0
  onDataCame: (bytes: Buffer) => void = () => {}

  onInformational(head: ResponseHead): void {
    this.informational.push(head.statusCode)
    this.order.push('informational')
  }
  onHead(head: ResponseHead): void {
    this.head = head
    this.order.push('head')
  }
  onData(bytes: Buffer): void {
    assert.ok(bytes.length > 0, 'no piece of data is empty')
    this.body += bytes.toString('latin1')
    if (this.order.at(-1) !== 'data') this.order.push('data')
    this.onDataCame(bytes)
  }
  onEnd(trailers: Fields | null): void {
    this.trailers = trailers
    this.order.push('end')
  }
  onBroken(cause: StreamBroken): void {
    this.broken = cause
    this.order.push('broken')
  }
  onWritable(): void {
    this.writable++
  }
}

/** A connection in memory, whose owner notes what it is told. */
export class Tested implements Http2Owner {
  readonly connection: Http2Connection
  readonly stats: Http2Stats
  readonly seen: Seen[] = []
  readonly faults: string[] = []
  readonly bugs: unknown[] = []
  readonly told: string[] = []
  fault: ConnectionFault | undefined = undefined
  flushes = 0
  nowMs = 1000
  onRequestCame: (seen: Seen, stream: Stream) => void = () => {}
  /** Decodes what we send. */
  readonly #decoder = new HpackDecoder(4096)

  constructor(role: Role, options: Http2Options = {}) {
    this.stats = emptyHttp2Stats()
    this.connection = new Http2Connection(role, this, { stats: this.stats, ...options }, this.nowMs)
    this.connection.start()
  }

  feed(...pieces: Buffer[]): this {
    // A copy that is overwritten behind the call: whoever keeps a view of it is found out.
    const bytes = Buffer.concat(pieces)
    this.connection.feed(bytes, this.nowMs)
    bytes.fill(0xee)
    return this
  }

  after(ms: number): this {
    this.nowMs += ms
    this.connection.sweep(this.nowMs)
    return this
  }

  /** What was sent since the last call. */
  sent(): Frame[] {
    return framesOf(this.sentBytes())
  }

  sentBytes(): Buffer {
    const pieces: Buffer[] = []
    const sink = {
      write(bytes: Buffer): boolean {
        pieces.push(Buffer.from(bytes))
        return true
      },
    }
    let flushed: number
    do {
      flushed = pieces.length
      this.connection.flush(sink)
    } while (pieces.length > flushed)
    const bytes = Buffer.concat(pieces)
    return bytes.subarray(0, CLIENT_PREFACE.length).equals(CLIENT_PREFACE)
      ? bytes.subarray(CLIENT_PREFACE.length)
      : bytes
  }

  decoded(block: Buffer): Fields {
    const fields: Fields = []
    const fault = this.#decoder.decode(block, 0, block.length, {
      onField(field: Field) {
        fields.push(field.name, field.value)
      },
    })
    assert.equal(fault, '')
    return fields
  }

  /** The code of the RST_STREAM of a stream among what was sent, undefined: there is none. */
  resetOf(streamId: number, frames = this.sent()): string | undefined {
    const found = frames.find(frame => frame.type === RST_STREAM && frame.streamId === streamId)
    return found && errorName(found.payload.readUInt32BE(0))
  }

  /** The code in the last GOAWAY among what was sent. */
  goAway(frames = this.sent()): { code: string; lastStreamId: number; text: string } | undefined {
    const found = frames.findLast(frame => frame.type === GOAWAY)
    return (
      found && {
        code: errorName(found.payload.readUInt32BE(4)),
        lastStreamId: found.payload.readUInt32BE(0),
        text: found.payload.toString('latin1', 8),
      }
    )
  }

  wantsFlush(): void {
    this.flushes++
  }
  onRequest(stream: Stream, head: RequestHead, ended: boolean): void {
    const seen = new Seen()
    seen.stream = stream
    seen.request = head
    seen.order.push(ended ? 'request, ended' : 'request')
    stream.user = seen
    this.seen.push(seen)
    this.onRequestCame(seen, stream)
  }
  onSettings(): void {
    this.told.push('settings')
  }
  onFree(): void {
    this.told.push('free')
  }
  onGoAway(code: number): void {
    this.told.push(`goaway ${errorName(code)}`)
  }
  onPong(): void {
    this.told.push('pong')
  }
  onFailed(fault: ConnectionFault): void {
    assert.equal(this.fault, undefined, 'a connection fails once')
    this.fault = fault
  }
  onDrained(): void {
    this.told.push('drained')
  }
  onStreamFault(streamId: number, code: number, reason: string): void {
    this.faults.push(`${streamId} ${errorName(code)}: ${reason}`)
  }
  onBug(error: unknown): void {
    this.bugs.push(error)
  }
}

/** A server whose client has said hello; what it sent so far is taken away. */
export function server(options: Http2Options = {}): Tested {
  const tested = new Tested('server', options).feed(clientHello)
  tested.sent()
  return tested
}

export function client(options: Http2Options = {}, hello = serverHello): Tested {
  const tested = new Tested('client', options).feed(hello)
  tested.sent()
  return tested
}

export function asking(method: string, path: string, ...fields: string[]): RequestToSend {
  return { method, scheme: 'http', authority: 'b.example', path, protocol: '', fields, neverIndexed: null }
}

/** Opens a stream that is open. */
export function opened(tested: Tested, head: RequestToSend, ended = true): { stream: Stream; seen: Seen } {
  const seen = new Seen()
  const stream = tested.connection.open(head, seen, ended)
  if (typeof stream === 'string') throw new Error(`the connection is ${stream}`)
  return { stream, seen }
}
