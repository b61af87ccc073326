import { connect, createServer, type Server, type Socket } from 'node:net'
import { flushAtEndOfTurn } from '../../proxy/cork.ts'
import { Http2Connection, type Http2Options } from '../../proxy/http2/connection.ts'
import type { RequestHead } from '../../proxy/http2/heads.ts'
import type { ConnectionFault, Http2Owner } from '../../proxy/http2/owner.ts'
import type { Role } from '../../proxy/http2/settings.ts'
import type { Stream } from '../../proxy/http2/stream.ts'

/** A connection of our codec on a real socket: what accept/ and send/ do with one, and nothing more. */
export class SocketConnection implements Http2Owner {
  readonly connection: Http2Connection
  readonly socket: Socket
  readonly bugs: unknown[] = []
  readonly streamFaults: string[] = []
  fault: ConnectionFault | undefined = undefined
  onRequestCame: (stream: Stream, head: RequestHead, ended: boolean) => void = () => {}
  onSettingsCame: () => void = () => {}
  onPlaceFree: () => void = () => {}
  readonly #sweeper: NodeJS.Timeout

  constructor(role: Role, socket: Socket, options: Http2Options) {
    this.socket = socket
    socket.setNoDelay(true)
    this.connection = new Http2Connection(role, this, options, now())
    this.#sweeper = setInterval(() => this.connection.sweep(now()), 1000)
    this.#sweeper.unref()
    socket.on('data', chunk => this.connection.feed(chunk, now()))
    socket.on('drain', () => this.connection.drained(now()))
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      clearInterval(this.#sweeper)
      this.connection.socketClosed('the socket was closed')
    })
    this.connection.start()
  }

  wantsFlush(): void {
    flushAtEndOfTurn(this)
  }

  flushTurn(): void {
    this.connection.flush(this)
  }

  write(bytes: Buffer): boolean {
    if (this.socket.destroyed || this.socket.writableEnded) return true
    if (!this.socket.write(bytes)) this.connection.congested()
    return this.socket.writableLength === 0
  }

  onRequest(stream: Stream, head: RequestHead, ended: boolean): void {
    this.onRequestCame(stream, head, ended)
  }
  onSettings(): void {
    this.onSettingsCame()
  }
  onFree(): void {
    this.onPlaceFree()
  }
  onGoAway(): void {}
  onPong(): void {}
  onFailed(fault: ConnectionFault): void {
    this.fault = fault
    this.onDrained()
  }
  onDrained(): void {
    this.connection.flush(this)
    this.socket.end()
  }
  onStreamFault(_id: number, _code: number, reason: string): void {
    this.streamFaults.push(reason)
  }
  onBug(error: unknown): void {
    this.bugs.push(error)
  }
}

export interface Http2TestServer {
  port: number
  connections: SocketConnection[]
  close(): Promise<void>
}

/** A server of our codec on a free port of the loopback interface. */
export async function serveHttp2(
  onConnection: (connection: SocketConnection) => void,
  options: Http2Options = {},
  port = 0,
): Promise<Http2TestServer> {
  const connections: SocketConnection[] = []
  const server: Server = createServer({ allowHalfOpen: true }, socket => {
    const connection = new SocketConnection('server', socket, options)
    connections.push(connection)
    onConnection(connection)
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    port: address.port,
    connections,
    close: () => {
      for (const { socket } of connections) socket.destroy()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}

/** A client of our codec, whose settings were answered. */
export async function connectHttp2(port: number, options: Http2Options = {}): Promise<SocketConnection> {
  const client = new SocketConnection('client', connect(port, '127.0.0.1'), options)
  await new Promise<void>((resolve, reject) => {
    client.onSettingsCame = resolve
    client.socket.once('close', () => reject(new Error('the connection was closed before its settings came')))
  })
  client.onSettingsCame = () => {}
  return client
}

function now(): number {
  return performance.now()
}
