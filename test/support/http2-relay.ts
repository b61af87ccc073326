import type { Fields } from '../../proxy/exchange.ts'
import { CANCEL, INTERNAL_ERROR } from '../../proxy/http2/codes.ts'
import type { Http2Connection } from '../../proxy/http2/connection.ts'
import type { RequestHead, ResponseHead } from '../../proxy/http2/heads.ts'
import type { Stream, StreamUser } from '../../proxy/http2/stream.ts'
import type { SocketConnection } from './http2-sockets.ts'

/** The least proxy: what comes on a stream of one connection goes out on a stream of another, and what does not leave holds back what comes. */
abstract class Side implements StreamUser {
  readonly connection: Http2Connection
  stream: Stream | undefined = undefined
  other!: Side
  #withheld = 0
  #holds = false

  constructor(connection: Http2Connection) {
    this.connection = connection
  }

  abstract onInformational(head: ResponseHead): void
  abstract onHead(head: ResponseHead): void

  onData(bytes: Buffer): void {
    const { connection, stream } = this.other
    if (!connection.data(stream!, bytes)) this.#holds = true
    if (this.#holds) this.#withheld += bytes.length
    else this.connection.consumed(this.stream!, bytes.length)
  }

  onEnd(trailers: Fields | null): void {
    this.other.connection.end(this.other.stream!, trailers)
  }

  onWritable(): void {
    this.other.release()
  }

  release(): void {
    this.#holds = false
    const bytes = this.#withheld
    this.#withheld = 0
    this.connection.consumed(this.stream!, bytes)
  }

  abstract onBroken(): void
}

class Downstream extends Side {
  onInformational(): void {}
  onHead(): void {}
  onBroken(): void {
    this.other.connection.reset(this.other.stream!, CANCEL)
  }
}

class Upstream extends Side {
  onInformational(head: ResponseHead): void {
    this.other.connection.informational(this.other.stream!, head.statusCode, head.fields)
  }
  onHead(head: ResponseHead): void {
    this.other.connection.head(this.other.stream!, head.statusCode, head.fields, head.neverIndexed, false)
  }
  onBroken(): void {
    this.other.connection.reset(this.other.stream!, INTERNAL_ERROR)
  }
}

/** Each request of `accepted` becomes one on `upstream`; 503 where that is full. */
export function relaying(accepted: SocketConnection, upstream: () => SocketConnection): void {
  accepted.onRequestCame = (stream: Stream, head: RequestHead, ended: boolean) => {
    const down = new Downstream(accepted.connection)
    const up = new Upstream(upstream().connection)
    down.other = up
    up.other = down
    down.stream = stream
    const opened = up.connection.open(head, up, ended)
    if (typeof opened === 'string') {
      accepted.connection.head(stream, 503, [], null, true)
      return
    }
    up.stream = opened
    stream.user = down
  }
}
