import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import { errorName } from '../../proxy/http2/codes.ts'
import { HpackDecoder } from '../../proxy/http2/hpack/decoder.ts'
import type { Field } from '../../proxy/http2/hpack/field.ts'
import type { Address } from '../../runtime/address.ts'
import * as wire from '../unit/proxy/http2/frames.ts'
import { until } from './until.ts'

/** A client of node:http2, gone when the test is over. */
export async function session(
  t: TestContext,
  address: Address,
  options: ClientSessionOptions | SecureClientSessionOptions = {},
  scheme = 'http',
): Promise<ClientHttp2Session> {
  const made = connectHttp2(`${scheme}://${address.host}:${address.port}`, options)
  made.on('error', () => {})
  t.after(() => made.destroy())
  await once(made, 'connect')
  return made
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  informational: IncomingHttpHeaders[]
  trailers: IncomingHttpHeaders | undefined
  body: string
  /** Name of the code when the stream was reset, else ''. */
  reset: string
}

/** What becomes of a request; never rejects. */
export function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  const answer: Answer = { status: 0, headers: {}, informational: [], trailers: undefined, body: '', reset: '' }
  stream.setEncoding('latin1')
  stream.on('headers', headers => answer.informational.push(headers))
  stream.on('response', headers => {
    answer.status = headers[':status'] ?? 0
    answer.headers = headers
  })
  stream.on('trailers', trailers => {
    answer.trailers = trailers
  })
  stream.on('data', (text: string) => {
    answer.body += text
  })
  stream.on('error', () => {})
  return new Promise(resolve => {
    stream.on('close', () => {
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) answer.reset = errorName(stream.rstCode ?? 0)
      resolve(answer)
    })
  })
}

/** Asks with the body given at once, if any. */
export function ask(from: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string | Buffer): Promise<Answer> {
  const stream = from.request(headers, { endStream: body === undefined })
  const answer = answerOf(stream)
  if (body !== undefined) stream.end(body)
  return answer
}

/** A client that says whatever frames it is given, and reads what comes frame by frame. */
export interface RawClient {
  readonly frames: wire.Frame[]
  /** The connection is over. */
  readonly closed: boolean
  send(...pieces: Buffer[]): void
  /** The first frame, among those that came so far or will come, for which it holds. */
  frame(what: string, holds: (frame: wire.Frame) => boolean): Promise<wire.Frame>
  /** Text and code of the GOAWAY that ends it with an error. */
  goAway(): Promise<{ code: string; text: string }>
  /** Head fields of a stream, from its first HEADERS frame. */
  head(streamId: number): Promise<Record<string, string>>
  pause(): void
  resume(): void
  destroy(): void
}

/** `hello` false: nothing is said, not even the preface. */
export async function rawHttp2(t: TestContext, address: Address, hello = true): Promise<RawClient> {
  const socket = connect({ host: address.host, port: address.port, noDelay: true })
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  const frames: wire.Frame[] = []
  const heads = new Map<number, Record<string, string>>()
  const decoder = new HpackDecoder(4096)
  let held = Buffer.alloc(0)
  let closed = false
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  socket.on('data', chunk => {
    held = Buffer.concat([held, chunk])
    while (held.length >= 9 && held.length >= 9 + held.readUIntBE(0, 3)) {
      const bytes = held.subarray(0, 9 + held.readUIntBE(0, 3))
      held = held.subarray(bytes.length)
      const [frame] = wire.framesOf(bytes)
      if (frame!.type === wire.HEADERS) {
        const head: Record<string, string> = {}
        const onField = ({ name, value }: Field) => {
          head[name] = value
        }
        decoder.decode(frame!.payload, 0, frame!.payload.length, { onField })
        if (!heads.has(frame!.streamId)) heads.set(frame!.streamId, head)
      }
      frames.push(frame!)
    }
  })
  if (hello) socket.write(wire.clientHello)
  const find = (holds: (frame: wire.Frame) => boolean) => frames.find(holds)
  const frame = (what: string, holds: (frame: wire.Frame) => boolean) =>
    until(
      what,
      () => find(holds),
      found => found !== undefined,
      5000,
    ) as Promise<wire.Frame>
  return {
    frames,
    get closed() {
      return closed
    },
    send: (...pieces) => void socket.write(Buffer.concat(pieces)),
    frame,
    async goAway() {
      const found = await frame(
        'a GOAWAY with an error',
        ({ type, payload }) => type === wire.GOAWAY && payload.readUInt32BE(4) !== 0,
      )
      return { code: errorName(found.payload.readUInt32BE(4)), text: found.payload.toString('latin1', 8) }
    },
    async head(streamId) {
      await frame(`HEADERS of stream ${streamId}`, found => found.type === wire.HEADERS && found.streamId === streamId)
      return heads.get(streamId)!
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    destroy: () => void socket.destroy(),
  }
}
