import { createServer, type Socket } from 'node:net'
import type { Fields } from '../../proxy/exchange.ts'
import { Http2Connection } from '../../proxy/http2/connection.ts'
import type { RequestHead } from '../../proxy/http2/heads.ts'
import type { Http2Limits } from '../../proxy/http2/limits.ts'
import type { Stream, StreamBroken } from '../../proxy/http2/stream.ts'
import { formatAddress, listen } from '../../runtime/address.ts'

/** One request as a server on the pure codec sees it; what it says is done at once. */
export interface Call {
  readonly head: RequestHead
  readonly stream: Stream
  readonly session: Session
  body: string
  /** Its direction is complete. */
  ended: boolean
  trailers: Fields | null
  broken: StreamBroken | undefined
  /** Whole bytes seen, also where `keepsBodies` is off. */
  bytes: number
  answer(status: number, fields: Fields, body?: string, trailers?: Fields | null): void
  head1(status: number, fields: Fields, ended?: boolean): void
  data(text: string | Buffer): boolean
  end(trailers?: Fields | null): void
  reset(code: number): void
}

export interface Session {
  readonly socket: Socket
  readonly codec: Http2Connection
  readonly calls: Call[]
}

export interface Http2Origin {
  readonly address: string
  readonly sessions: Session[]
  readonly calls: Call[]
  close(): Promise<void>
}

export interface Http2OriginOptions {
  limits?: Partial<Http2Limits>
  extendedConnect?: boolean
  /** Bytes of a request's body are credited as they come; false: never. */
  credits?: boolean
  /** A request's head came. */
  onCall?: (call: Call) => void
  /** A request is complete. */
  onEnd?: (call: Call) => void
  onSession?: (session: Session) => void
}

/** A clear-text HTTP/2 server on the codec itself, on a free port, that can do what no proper server does. */
export async function http2Origin(options: Http2OriginOptions): Promise<Http2Origin> {
  const sessions: Session[] = []
  const calls: Call[] = []
  const server = createServer({ noDelay: true }, socket => {
    const flush = () => {
      if (!socket.destroyed) codec.flush({ write: bytes => !socket.write(bytes) && false })
    }
    const codec = new Http2Connection(
      'server',
      {
        wantsFlush: () => void setImmediate(flush),
        onRequest(stream, head, ended) {
          const call = callOf(session, stream, head, ended, options)
          session.calls.push(call)
          calls.push(call)
          options.onCall?.(call)
          if (ended) options.onEnd?.(call)
        },
        onSettings() {},
        onFree() {},
        onGoAway() {},
        onPong() {},
        onFailed() {
          flush()
          socket.destroy()
        },
        onDrained() {
          flush()
          socket.end()
        },
        onStreamFault() {},
        onBug(error) {
          throw error
        },
      },
      {
        ...(options.limits === undefined ? {} : { limits: options.limits }),
        extendedConnect: options.extendedConnect ?? false,
      },
      performance.now(),
    )
    const session: Session = { socket, codec, calls: [] }
    sessions.push(session)
    socket.on('data', chunk => codec.feed(chunk, performance.now()))
    socket.on('error', () => {})
    socket.on('close', () => codec.socketClosed('closed'))
    socket.on('drain', () => codec.drained(performance.now()))
    options.onSession?.(session)
    codec.start()
  })
  const address = await listen(server, { host: '127.0.0.1', port: 0 })
  return {
    address: formatAddress(address),
    sessions,
    calls,
    close() {
      for (const { socket } of sessions) socket.destroy()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}

function callOf(
  session: Session,
  stream: Stream,
  head: RequestHead,
  ended: boolean,
  options: Http2OriginOptions,
): Call {
  const { codec } = session
  const call: Call = {
    head,
    stream,
    session,
    body: '',
    bytes: 0,
    ended,
    trailers: null,
    broken: undefined,
    answer(status, fields, body = '', trailers = null) {
      codec.head(stream, status, fields, null, body === '' && trailers === null)
      if (body !== '') codec.data(stream, Buffer.from(body))
      if (body !== '' || trailers !== null) codec.end(stream, trailers)
    },
    head1: (status, fields, last = false) => codec.head(stream, status, fields, null, last),
    data: text => codec.data(stream, Buffer.from(text)),
    end: (trailers = null) => codec.end(stream, trailers),
    reset: code => codec.reset(stream, code),
  }
  stream.user = {
    onInformational() {},
    onHead() {},
    onWritable() {},
    onData(bytes) {
      call.bytes += bytes.length
      if (call.body.length < 100_000) call.body += bytes.toString('latin1')
      if (options.credits !== false) codec.consumed(stream, bytes.length)
    },
    onEnd(trailers) {
      call.ended = true
      call.trailers = trailers
      options.onEnd?.(call)
    },
    onBroken(cause) {
      call.broken = cause
    },
  }
  return call
}
