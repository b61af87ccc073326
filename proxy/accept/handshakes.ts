import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import { formatAddress } from '../../runtime/address.ts'
import type { Clock } from '../../runtime/clock.ts'
import { faultOf, sentenceOf, type TlsFault } from '../../runtime/tls-faults.ts'
import { laidOver } from '../tcp/reset.ts'
import type { TlsStats } from '../tls-stats.ts'
import type { Client, Security } from './security.ts'

/** A handshake costs some tenths of a millisecond of our one thread: so many begin in one turn, then requests have theirs. */
const BEGUN_PER_TURN = 4

export interface HandshakeLimits {
  /** From the first byte to the end of the handshake, waiting for its turn included. */
  timeoutMs: number
  /** Under way or waiting for their turn; one more is closed at once. */
  max: number
}

export interface HandshakeParts {
  limits: HandshakeLimits
  stats: TlsStats
  clock: Clock
  /** By ALPN, the first first; none: ALPN is not answered. */
  protocols(tcp: boolean): readonly string[]
  onSecure(socket: TLSSocket, client: Client, tcp: boolean): void
  onFailed(fault: TlsFault, detail: string, peerAddress: string): void
}

/** The handshakes of one listener: begun a few a turn, bounded in number and time, each end counted. */
export class Handshakes {
  readonly #parts: HandshakeParts
  readonly #queue: { socket: Socket; security: Security; tcp: boolean }[] = []
  /** Those begun or waiting, by the client's address, which is all that TLS and what lies under it have in common. */
  readonly #pending = new Map<string, { socket: Socket; stop: () => void }>()
  /** Of the newest TLS options, for HTTP or for TCP. */
  #server: Server | undefined
  #options: TlsOptions | undefined
  #tcp = false

  constructor(parts: HandshakeParts) {
    this.#parts = parts
  }

  /** Takes over a socket whose first byte is that of TLS. `tcp`: behind it stands TCP, not HTTP. */
  take(socket: Socket, security: Security, tcp = false): void {
    const { limits, stats, clock } = this.#parts
    const key = addressOf(socket)
    if (security.tls === undefined) {
      this.#refuse(socket, 'no_own_certificate', 'this proxy has no certificate of its own yet')
      return
    }
    if (this.#pending.size >= limits.max) {
      this.#refuse(socket, 'overflow', `${limits.max} handshakes are under way already`)
      return
    }
    const stopTimer = clock.after(limits.timeoutMs, () =>
      this.#refuse(socket, 'timeout', `the handshake was not complete within ${limits.timeoutMs} ms`),
    )
    // The client left: of that TLS tells nothing that would say of whom.
    const left = () =>
      this.#failed(key, 'broken_off', 'the client closed the connection in the middle of the handshake')
    const stop = () => {
      stopTimer()
      socket.off('close', left)
    }
    this.#pending.set(key, { socket, stop })
    stats.active++
    socket.on('close', left)
    if (this.#queue.push({ socket, security, tcp }) === 1) setImmediate(() => this.#begin())
  }

  /** Ends those that are under way. */
  close(): void {
    this.#queue.length = 0
    for (const { socket } of [...this.#pending.values()]) socket.destroy()
  }

  #begin(): void {
    for (const { socket, security, tcp } of this.#queue.splice(0, BEGUN_PER_TURN)) {
      if (socket.destroyed) continue
      // Who closes its side in the middle of the handshake is gone; what TLS makes of the socket takes this over from it.
      socket.allowHalfOpen = false
      this.#serverOf(security, tcp).emit('connection', socket)
    }
    if (this.#queue.length > 0) setImmediate(() => this.#begin())
  }

  /** One that does not listen; made anew when the options changed: handshakes under way end with those that they began with. */
  #serverOf(security: Security, tcp: boolean): Server {
    const options = security.tls!
    if (this.#server !== undefined && this.#options === options && this.#tcp === tcp) return this.#server
    // We judge the certificate ourselves, so that each refusal has its reason; the time-out is ours, too.
    const protocols = this.#parts.protocols(tcp)
    const alpn = protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }
    const own = { ...alpn, rejectUnauthorized: false, handshakeTimeout: 0x7fffffff }
    const server = createServer({ noDelay: true, ...own, ...options }, socket => this.#secure(socket, security, tcp))
    server.on('tlsClientError', (error, socket) => this.#broken(error, socket))
    this.#server = server
    this.#options = options
    this.#tcp = tcp
    return server
  }

  #secure(socket: TLSSocket, security: Security, tcp: boolean): void {
    const { stats, onSecure } = this.#parts
    const raw = this.#pending.get(addressOf(socket))?.socket
    if (raw !== undefined) laidOver(socket, raw)
    this.#done(addressOf(socket))
    const certificate = socket.getPeerX509Certificate()
    // Without a certificate there is nothing wrong with one.
    const chainFault = certificate === undefined || socket.authorized ? undefined : String(socket.authorizationError)
    const verdict = security.judge(certificate, chainFault)
    if (verdict.status === 'refused') {
      socket.on('error', () => {})
      this.#refuse(socket, verdict.fault, verdict.detail)
      return
    }
    // From here on a client may close its side behind its request, and still wait for the answer.
    socket.allowHalfOpen = true
    stats.handshakes++
    if (socket.isSessionReused()) stats.resumed++
    onSecure(socket, verdict, tcp)
  }

  #broken(error: Error, socket: TLSSocket): void {
    // Else it was refused already, or the client has left: told where that happened.
    if (this.#pending.has(addressOf(socket))) this.#refuse(socket, faultOf(error), sentenceOf(error))
  }

  #refuse(socket: Socket, fault: TlsFault, detail: string): void {
    this.#failed(addressOf(socket), fault, detail)
    if (!socket.destroyed) socket.destroy()
  }

  #failed(key: string, fault: TlsFault, detail: string): void {
    const { stats, onFailed } = this.#parts
    this.#done(key)
    stats.faults[fault]++
    onFailed(fault, detail, key)
  }

  #done(key: string): void {
    const found = this.#pending.get(key)
    if (found === undefined) return
    found.stop()
    this.#pending.delete(key)
    this.#parts.stats.active--
  }
}

/** '' when the client is gone. */
function addressOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined ? '' : formatAddress({ host: remoteAddress, port: remotePort ?? 0 })
}
