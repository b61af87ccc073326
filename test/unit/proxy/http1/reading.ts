import { BodyReader } from '../../../../proxy/http1/body.ts'
import { requestFraming, responseFraming } from '../../../../proxy/http1/framing.ts'
import type { HeadReader, Incomplete } from '../../../../proxy/http1/head-reader.ts'
import type { InvalidMessage } from '../../../../proxy/http1/invalid.ts'
import { type RequestHead, requestHeadReader } from '../../../../proxy/http1/request-head.ts'
import { type ResponseHead, responseHeadReader } from '../../../../proxy/http1/response-head.ts'

/** One message as a reader of the connection understood it. */
export interface ReadMessage<Head> {
  head: Head
  body: string
  trailers: string[] | null
  ended: boolean
}

/** Everything a connection said: what two splits of the same bytes must agree upon. */
export interface Transcript<Head> {
  messages: ReadMessage<Head>[]
  fault: InvalidMessage | null
  /** Bytes behind a tunnel's head. */
  tunnelled: string
  /** Part of a head is there, and the rest is not. */
  unfinishedHead: boolean
}

interface CompleteHead {
  status: 'complete'
}

/** Reads a whole connection as the socket side will: head, body, next head, in whatever pieces the bytes come. */
class Connection<Head extends CompleteHead> {
  readonly transcript: Transcript<Head> = { messages: [], fault: null, tunnelled: '', unfinishedHead: false }
  readonly #heads: HeadReader<Head>
  readonly #body: BodyReader
  readonly #begin: (head: Head, body: BodyReader) => boolean
  #isTunnel = false

  constructor(heads: HeadReader<Head>, body: BodyReader, begin: (head: Head, body: BodyReader) => boolean) {
    this.#heads = heads
    this.#body = body
    this.#begin = begin
  }

  feed(chunk: Buffer): void {
    this.#read(chunk)
    this.transcript.unfinishedHead = this.#heads.started
  }

  #read(chunk: Buffer): void {
    let at = 0
    while (this.transcript.fault === null) {
      if (this.#isTunnel) {
        this.transcript.tunnelled += chunk.toString('latin1', at)
        return
      }
      if (!this.#body.done) {
        const end = this.#body.read(chunk, at, this)
        if (typeof end !== 'number') this.transcript.fault = end
        else at = end
        if (!this.#body.done) return
        continue
      }
      if (at === chunk.length) return
      const result: Head | InvalidMessage | Incomplete = this.#heads.feed(chunk, at)
      at = this.#heads.end
      if (result.status === 'invalid') this.transcript.fault = result
      if (result.status !== 'complete') return
      this.transcript.messages.push({ head: result, body: '', trailers: null, ended: false })
      this.#isTunnel = this.#begin(result, this.#body)
    }
  }

  close(): void {
    if (!this.#isTunnel && this.transcript.fault === null) this.transcript.fault = this.#body.close(this)
  }

  onData(bytes: Buffer): void {
    this.transcript.messages.at(-1)!.body += bytes.toString('latin1')
  }

  onEnd(trailers: string[] | null): void {
    const message = this.transcript.messages.at(-1)!
    if (message.ended) throw new Error('a message ended twice')
    message.ended = true
    message.trailers = trailers
  }
}

export function readRequests(pieces: readonly Buffer[]): Transcript<RequestHead> {
  const connection = new Connection(requestHeadReader(), new BodyReader('request'), (head, body) => {
    const framing = requestFraming(head)
    if (framing !== 'tunnel') body.begin(framing, head.contentLength)
    return framing === 'tunnel'
  })
  for (const piece of pieces) connection.feed(piece)
  return connection.transcript
}

/** `closes`: the upstream ends the connection behind the last piece. */
export function readResponses(
  pieces: readonly Buffer[],
  requestMethod: string,
  closes: boolean,
): Transcript<ResponseHead> {
  const connection = new Connection(responseHeadReader(), new BodyReader('response'), (head, body) => {
    const framing = responseFraming(head, requestMethod)
    if (framing !== 'tunnel') body.begin(framing, head.contentLength)
    return framing === 'tunnel'
  })
  for (const piece of pieces) connection.feed(piece)
  if (closes) connection.close()
  return connection.transcript
}

/** The bytes cut before each offset of `cuts` (any order, any value). */
export function piecesOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const offsets = [...new Set(cuts.map(cut => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  const pieces: Buffer[] = []
  let from = 0
  for (const to of [...offsets, bytes.length]) {
    if (to > from) pieces.push(bytes.subarray(from, to))
    from = to
  }
  return pieces
}

export function byteByByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
}

export function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** One request head, whatever becomes of it. */
export function requestHeadOf(text: string): RequestHead | InvalidMessage | Incomplete {
  return requestHeadReader().feed(latin1(text), 0)
}

export function responseHeadOf(text: string): ResponseHead | InvalidMessage | Incomplete {
  return responseHeadReader().feed(latin1(text), 0)
}

/** A head that must be sound. */
export function soundRequest(text: string): RequestHead {
  const head = requestHeadOf(text)
  if (head.status !== 'complete') throw new Error(`not a request head: ${JSON.stringify(head)}`)
  return head
}

export function soundResponse(text: string): ResponseHead {
  const head = responseHeadOf(text)
  if (head.status !== 'complete') throw new Error(`not a response head: ${JSON.stringify(head)}`)
  return head
}
