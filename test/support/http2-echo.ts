import { type Fields, fieldOf } from '../../proxy/exchange.ts'
import type { Http2Connection } from '../../proxy/http2/connection.ts'
import type { RequestHead } from '../../proxy/http2/heads.ts'
import type { Stream, StreamUser } from '../../proxy/http2/stream.ts'
import type { SocketConnection } from './http2-sockets.ts'

/** Answers with what came: the path, the x- fields, the body and the trailers. A body that cannot leave holds back the one that comes. */
export class Echo implements StreamUser {
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

export function echoing(connection: SocketConnection): void {
  connection.onRequestCame = (stream, head, ended) => {
    new Echo(connection.connection, stream, head, ended)
  }
}
