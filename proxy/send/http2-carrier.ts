// Hot path: one request on a stream of an HTTP/2 connection; beside the stream the only object that it costs.
import type { Exchange, Fields } from '../exchange.ts'
import { CANCEL, errorName } from '../http2/codes.ts'
import type { Http2Connection } from '../http2/connection.ts'
import type { ResponseHead as WireHead } from '../http2/heads.ts'
import { requestListBytes } from '../http2/list-size.ts'
import type { Stream, StreamBroken, StreamUser } from '../http2/stream.ts'
import type { Breakage, Carried, Carrier } from './carrier.ts'
import { asksForWebSocket, requestToSend, responseHeadOfHttp2, switchingProtocols } from './http2-heads.ts'

/** The connection, as far as its streams need it. */
export interface StreamHost {
  readonly codec: Http2Connection
  /** The way there is TLS. */
  readonly secure: boolean
  /** How often bytes came: whether some did since. */
  readonly reads: number
  /** It has brought answers. */
  proven: boolean
  /** A request was put on it. */
  noteRequest(): void
}

export class Http2Carrier implements Carrier, StreamUser {
  readonly mayRefuse = true
  readonly #host: StreamHost
  #carried: Carried | undefined
  #stream: Stream | undefined = undefined
  /** Bytes that were passed on to somebody who, as it said, would rather not have more: credited when it goes on. */
  #owedBytes = 0
  /** Set while an extended CONNECT is under way, and after: the fields that it was asked for with. */
  #webSocket: Fields | undefined = undefined
  /** Of the host, when the request was put on it; -1: it was not proven then. */
  #readsBefore = -1

  constructor(host: StreamHost, carried: Carried) {
    this.#host = host
    this.#carried = carried
  }

  // ---- what the request calls

  head(exchange: Exchange, ended: boolean): void {
    const host = this.#host
    if (asksForWebSocket(exchange)) this.#webSocket = exchange.request.fields
    if (host.proven) this.#readsBefore = host.reads
    const head = requestToSend(exchange, host.secure)
    const listBytes = requestListBytes(head)
    if (listBytes > host.codec.headerListBytesMax) {
      this.#refuse(listBytes, host.codec.headerListBytesMax)
      return
    }
    const opened = host.codec.open(head, this, ended && this.#webSocket === undefined)
    if (typeof opened === 'string') throw new Error(`a stream was given on a connection that is ${opened}`)
    this.#stream = opened
    host.noteRequest()
  }

  /** An endpoint that is sent it all the same may end the connection, and with it the requests of others. */
  #refuse(bytes: number, bytesMax: number): void {
    const carried = this.#carried
    this.#carried = undefined
    const said = `the fields are ${bytes} bytes, with those that proxies add, and the service takes ${bytesMax}`
    carried?.onBroken('too-large', `${said} (its SETTINGS_MAX_HEADER_LIST_SIZE); send fewer or shorter ones`)
  }

  data(chunk: Buffer): boolean {
    return this.#stream === undefined ? true : this.#host.codec.data(this.#stream, chunk)
  }

  /** Of a request that asks for a tunnel, nothing is over yet. */
  end(trailers: Fields | null): void {
    if (this.#webSocket === undefined) this.#end(trailers)
  }

  endTunnel(): void {
    this.#end(null)
  }

  leaveTunnel(): void {
    this.#carried = undefined
    this.#end(null)
  }

  #end(trailers: Fields | null): void {
    if (this.#stream !== undefined) this.#host.codec.end(this.#stream, trailers)
  }

  resume(): void {
    const owedBytes = this.#owedBytes
    this.#owedBytes = 0
    if (owedBytes > 0) this.#host.codec.consumed(this.#stream!, owedBytes)
  }

  abandon(): void {
    this.#carried = undefined
    this.#reset()
  }

  #reset(): void {
    if (this.#stream !== undefined) this.#host.codec.reset(this.#stream, CANCEL)
  }

  // ---- what comes of it (StreamUser)

  onInformational(head: WireHead): void {
    this.#carried?.onInterim(responseHeadOfHttp2(head, '', false))
  }

  onHead(head: WireHead, ended: boolean): void {
    this.#host.proven = true
    const carried = this.#carried
    if (carried === undefined) return
    const asked = this.#webSocket
    if (asked !== undefined && head.statusCode < 300) {
      carried.onHead(switchingProtocols(head, asked))
      return
    }
    if (asked !== undefined) {
      // No tunnel came of it: our direction, kept open for one, is over.
      this.#webSocket = undefined
      this.#end(null)
    }
    if (carried.onHead(responseHeadOfHttp2(head, carried.method, ended))) return
    this.#carried = undefined
    if (!ended || !carried.sent) this.#reset()
  }

  onData(bytes: Buffer): void {
    const more = this.#carried?.onAnswerData(bytes) ?? true
    if (!more) this.#owedBytes += bytes.length
    else this.#host.codec.consumed(this.#stream!, bytes.length)
  }

  onEnd(trailers: Fields | null): void {
    const carried = this.#carried
    if (carried === undefined) return
    if (this.#webSocket === undefined) {
      this.#carried = undefined
      // Answered before the request was complete. NO_ERROR would be the milder word, but there are servers that take it for a body's end:
      // half a request must not look whole.
      if (!carried.sent) this.#reset()
    }
    carried.onAnswered(trailers)
  }

  onBroken(cause: StreamBroken): void {
    const carried = this.#carried
    this.#carried = undefined
    carried?.onBroken(this.#breakageOf(cause), detailOf(cause))
  }

  #breakageOf({ by, code, unprocessed }: StreamBroken): Breakage {
    if (unprocessed) return 'refused'
    if (by === 'us') return code === CANCEL ? 'reset' : 'invalid'
    // The connection ended with the request on its way there: as an idle one of HTTP/1.1 that is closed in the moment of its use.
    return by === 'connection' && this.#host.reads === this.#readsBefore ? 'stale' : 'reset'
  }

  onWritable(): void {
    this.#carried?.onWritable()
  }
}

function detailOf({ by, code, reason }: StreamBroken): string {
  return by === 'peer' ? `it reset the stream with ${errorName(code)}` : reason
}
