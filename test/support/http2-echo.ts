import { type Fields, fieldOf } from '../../proxy/exchange.ts'
import type { Http2Connection } from '../../proxy/http2/connection.ts'
import type { RequestHead } from '../../proxy/http2/heads.ts'
import type { Stream, StreamUser } from '../../proxy/http2/stream.ts'
import type { SocketConnection } from './http2-sockets.ts'

/** Answers with what came: the path, the x- fields, the body and the trailers. A body that cannot leave holds back the one that comes. */
class Echo implements StreamUser {
  readonly #connection: Http2Connection
  readonly #stream: Stream
  #withheld = 0
  #congested = false

  constructor(connection: Http2Connection, stream: Stream, head: RequestHead, ended: boolean) {
    this.#connection = connection
    this.#stream = stream
    stream.user = this
    if (fieldOf(head.fields, 'expect') !== undefined) connection.informational(stream, 100, [])
    connection.head(stream, head.tooLarge ? 431 : 200, answerFields(head), head.neverIndexed, false)
    if (ended) connection.end(stream, null)
  }

  onInformational(): void {}
  onHead(): void {}

  onData(bytes: Buffer): void {
    if (!this.#connection.data(this.#stream, bytes)) this.#congested = true
    if (this.#congested) this.#withheld += bytes.length
    else this.#connection.consumed(this.#stream, bytes.length)
  }

  onEnd(trailers: Fields | null): void {
    this.#connection.end(this.#stream, trailers)
  }

  onBroken(): void {}

  onWritable(): void {
    this.#congested = false
    const bytes = this.#withheld
    this.#withheld = 0
    this.#connection.consumed(this.#stream, bytes)
  }
}

function answerFields(head: RequestHead): Fields {
  const fields: Fields = ['content-type', 'application/octet-stream', 'x-path', head.path, 'x-method', head.method]
  for (let i = 0; i < head.fields.length; i += 2) {
    const name = head.fields[i]!
    if (name.startsWith('x-') || name === 'cookie') fields.push(`${name}-back`, head.fields[i + 1]!)
  }
  return fields
}

const BODY = Buffer.alloc(100, 'x')
const FIELDS = ['content-type', 'text/plain', 'content-length', '100', 'server', 'codec']

/** A GET without a body is answered with 100 bytes, all else echoed. */
export function answering(socketConnection: SocketConnection): void {
  const { connection } = socketConnection
  socketConnection.onRequestCame = (stream, head, ended) => {
    if (head.method !== 'GET' || !ended || head.tooLarge) {
      new Echo(connection, stream, head, ended)
      return
    }
    connection.head(stream, 200, FIELDS, null, false)
    connection.data(stream, BODY)
    connection.end(stream, null)
  }
}
