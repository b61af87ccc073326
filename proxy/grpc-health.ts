import { connect, type Socket } from 'node:net'
import type { Address } from '../runtime/address.ts'
import type { Fields } from './exchange.ts'
import { GRPC_CONTENT_TYPE, GRPC_STATUS_NAMES, grpcStatusOf } from './grpc.ts'
import { CANCEL } from './http2/codes.ts'
import { Http2Connection } from './http2/connection.ts'
import type { ResponseHead } from './http2/heads.ts'
import type { ByteSink } from './http2/output.ts'
import type { ConnectionFault, Http2Owner } from './http2/owner.ts'
import type { Stream, StreamBroken, StreamUser } from './http2/stream.ts'

/** What a server says of itself by grpc.health.v1 (github.com/grpc/grpc, doc/health-checking.md). */
export interface Health {
  /** It serves, or has nothing to say: it answered, but does not offer the health service. */
  serving: boolean
  /** One sentence for people, to stand behind the address. */
  detail: string
}

const UNIMPLEMENTED = 12
/** HealthCheckRequest without a service: the server as a whole. A message is a flag and its length in four bytes before its own. */
const ASK_FOR_ALL = Buffer.alloc(5)
/** Field 1 of HealthCheckResponse, a varint; its values are in this order. */
const STATUS_FIELD = 0x08
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']
const ANSWER_BYTES_MAX = 1024

/** Asks once, on a connection of its own, and calls `done` once: in time, too, when nothing comes. */
export function checkGrpcHealth({ host, port }: Address, timeoutMs: number, done: (health: Health) => void): void {
  new HealthCheck(connect({ host, port, timeout: timeoutMs }), `${host}:${port}`, timeoutMs, done)
}

class HealthCheck implements Http2Owner, ByteSink, StreamUser {
  readonly #socket: Socket
  readonly #codec: Http2Connection
  readonly #done: (health: Health) => void
  #isDone = false
  #answer = Buffer.alloc(0)
  #httpStatus = 0
  #grpcStatus = -1

  constructor(socket: Socket, authority: string, timeoutMs: number, done: (health: Health) => void) {
    this.#socket = socket
    this.#done = done
    this.#codec = new Http2Connection('client', this, {}, 0)
    socket.unref()
    socket.once('connect', () => this.#ask(authority))
    socket.on('data', chunk => this.#codec.feed(chunk, 0))
    socket.once('timeout', () => this.#end(false, `does not answer within ${timeoutMs} ms`))
    socket.on('error', error => this.#end(false, `takes no connection: ${error.message}; is the application running?`))
    socket.on('close', () => this.#end(false, 'closes the connection without an answer by grpc.health.v1'))
  }

  #ask(authority: string): void {
    this.#codec.start()
    const fields = ['content-type', GRPC_CONTENT_TYPE, 'te', 'trailers']
    const head = { method: 'POST', scheme: 'http', authority, path: '/grpc.health.v1.Health/Check', protocol: '' }
    const stream = this.#codec.open({ ...head, fields, neverIndexed: null }, this, false) as Stream
    this.#codec.data(stream, ASK_FOR_ALL)
    this.#codec.end(stream, null)
  }

  #end(serving: boolean, detail: string): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#socket.destroy()
    this.#done({ serving, detail })
  }

  // ---- the answer

  onInformational(): void {}
  onWritable(): void {}

  onHead({ statusCode, fields }: ResponseHead): void {
    this.#httpStatus = statusCode
    this.#grpcStatus = grpcStatusOf(fields)
  }

  onData(bytes: Buffer): void {
    if (this.#answer.length < ANSWER_BYTES_MAX) this.#answer = Buffer.concat([this.#answer, bytes])
  }

  onEnd(trailers: Fields | null): void {
    const code = trailers === null ? this.#grpcStatus : grpcStatusOf(trailers)
    if (code === 0) {
      const status = statusIn(this.#answer)
      this.#end(status === 'SERVING', `says ${status} by grpc.health.v1`)
    } else if (code === UNIMPLEMENTED) this.#end(true, 'takes connections, and does not offer grpc.health.v1')
    else if (code < 0) this.#end(false, `answers grpc.health.v1 with HTTP status ${this.#httpStatus}: is it gRPC?`)
    else this.#end(false, `answers grpc.health.v1 with ${GRPC_STATUS_NAMES[code]}`)
  }

  onBroken({ by, reason }: StreamBroken): void {
    // What ends the connection is told by onFailed, or by the socket.
    if (by !== 'connection') this.#end(false, `does not answer by grpc.health.v1: ${reason}`)
  }

  // ---- the connection

  wantsFlush(): void {
    setImmediate(() => this.#codec.flush(this))
  }

  write(bytes: Buffer): boolean {
    if (!this.#socket.destroyed) this.#socket.write(bytes)
    return false
  }

  onRequest(stream: Stream): void {
    this.#codec.reset(stream, CANCEL)
  }

  onFailed({ reason }: ConnectionFault): void {
    this.#end(false, `does not speak HTTP/2: ${reason}`)
  }

  onBug(): void {
    this.#end(false, 'could not be asked: the proxy met a bug of its own')
  }

  onSettings(): void {}
  onFree(): void {}
  onGoAway(): void {}
  onPong(): void {}
  onDrained(): void {}
  onStreamFault(): void {}
}

/** The status in a framed HealthCheckResponse: proto3 leaves out a field that is 0. */
function statusIn(answer: Buffer): string {
  const message = answer.subarray(5)
  return STATUSES[message[0] === STATUS_FIELD ? message[1]! : 0] ?? 'UNKNOWN'
}
