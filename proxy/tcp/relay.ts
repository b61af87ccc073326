// Hot path: moves the bytes of a TCP connection; nothing is allocated for a chunk but what Node does, and no promise waits for one.
import type { Socket } from 'node:net'
import { COPY_BYTES_MAX } from '../cork.ts'
import type { SocketUser, UpstreamSocket } from '../send/upstream-socket.ts'
import { reset } from './reset.ts'

/** Bytes as Envoy counts them: rx from the far end of that side, tx to it. */
export interface ByteCounts {
  rxBytes: number
  txBytes: number
}

/** Who ended a connection first, and how. `closed`: both directions came to their end. */
export type RelayEnd = 'closed' | 'downstream-reset' | 'upstream-reset'

export interface RelayOwner {
  /** The first bytes came from the upstream. */
  onHeard(): void
  /** A side sends no more; the other direction goes on. */
  onHalfClosed(side: 'downstream' | 'upstream'): void
  /** Called once, unless it was the owner who ended it. Nothing is left open. */
  onRelayOver(end: RelayEnd, detail: string): void
}

/**
 * Two sockets, each of whose bytes go to the other. A side that does not read stops the other from being read, so that what is held of a
 * connection is what its sockets hold (their high-water marks, and the chunk that went past them). A side's end is passed on as an end of
 * that direction alone, its reset as a reset.
 */
export class Relay implements SocketUser {
  /** Bytes from the client, and from the upstream. */
  received = 0
  sent = 0
  /** When a byte last passed: monotonic, coarse. */
  lastMs: number
  readonly #downstream: Socket
  readonly #upstream: UpstreamSocket
  readonly #time: { readonly coarseNow: number }
  readonly #counts: { downstream: ByteCounts; upstream: ByteCounts }
  readonly #owner: RelayOwner
  /** Plain sockets to upstreams read into one buffer that they share. */
  readonly #sharesBuffer: boolean
  /** Chunks that were not written whole at once, the oldest first. */
  readonly #toUpstream: Buffer[] = []
  readonly #toDownstream: Buffer[] = []
  #upstreamClosed = false
  #over = false

  constructor(
    downstream: Socket,
    upstream: UpstreamSocket,
    time: { readonly coarseNow: number },
    counts: { downstream: ByteCounts; upstream: ByteCounts },
    owner: RelayOwner,
  ) {
    this.#downstream = downstream
    this.#upstream = upstream
    this.#time = time
    this.#counts = counts
    this.#owner = owner
    this.lastMs = time.coarseNow
    this.#sharesBuffer = !('encrypted' in upstream.stream)
    upstream.user = this
    downstream.on('data', this.#onData)
    downstream.on('drain', this.#onDownstreamDrain)
    downstream.on('end', this.#onDownstreamEnd)
    downstream.on('close', this.#onDownstreamClose)
    // An end with nothing before it is told though nobody reads.
    if (downstream.readableEnded) this.#onDownstreamEnd()
    else downstream.resume()
  }

  // ---- from the client

  readonly #onData = (chunk: Buffer): void => {
    const { length } = chunk
    this.received += length
    this.#counts.downstream.rxBytes += length
    this.#counts.upstream.txBytes += length
    this.lastMs = this.#time.coarseNow
    if (passOn(this.#upstream.stream, chunk, this.#toUpstream)) this.#downstream.pause()
  }

  readonly #onDownstreamDrain = (): void => {
    giveBackAll(this.#toDownstream)
    this.#upstream.resume()
  }

  readonly #onDownstreamEnd = (): void => {
    this.#owner.onHalfClosed('downstream')
    this.#upstream.stream.end()
  }

  readonly #onDownstreamClose = (): void => {
    if (brokenOff(this.#downstream)) this.#end('downstream-reset', this.#downstream.errored?.message ?? '')
    else if (this.#upstreamClosed) this.#end('closed', '')
  }

  // ---- from the upstream

  onBytes(chunk: Buffer): void {
    const { length } = chunk
    this.#counts.upstream.rxBytes += length
    this.#counts.downstream.txBytes += length
    this.lastMs = this.#time.coarseNow
    if (this.sent === 0) this.#owner.onHeard()
    this.sent += length
    const kept = this.#sharesBuffer && length <= COPY_BYTES_MAX ? Buffer.from(chunk) : chunk
    if (passOn(this.#downstream, kept, this.#toDownstream)) this.#upstream.pause()
  }

  onDrain(): void {
    giveBackAll(this.#toUpstream)
    this.#downstream.resume()
  }

  onHalfClosed(): void {
    this.#owner.onHalfClosed('upstream')
    this.#downstream.end()
  }

  onGone(detail: string): void {
    this.#upstreamClosed = true
    if (brokenOff(this.#upstream.stream)) this.#end('upstream-reset', detail)
    else if (this.#downstream.destroyed) this.#end('closed', '')
    this.#upstream.close()
  }

  // ---- the end

  #end(end: RelayEnd, detail: string): void {
    if (this.#over) return
    this.#letGo()
    if (end === 'downstream-reset') this.#resetUpstream()
    else if (end === 'upstream-reset') reset(this.#downstream)
    this.#owner.onRelayOver(end, detail)
  }

  /** Ends both sides by a reset, without telling the owner. */
  reset(): void {
    if (this.#over) return
    this.#letGo()
    reset(this.#downstream)
    this.#resetUpstream()
  }

  /** Ends both sides as they would, unless one has not taken what waits for it, without telling the owner. */
  close(): void {
    if (this.#over) return
    this.#letGo()
    for (const socket of [this.#downstream, this.#upstream.stream]) if (socket.writableLength > 0) reset(socket)
    this.#downstream.destroySoon()
    this.#upstream.close()
  }

  #resetUpstream(): void {
    reset(this.#upstream.stream)
    this.#upstream.close()
  }

  #letGo(): void {
    this.#over = true
    this.#downstream.off('data', this.#onData)
    this.#downstream.off('drain', this.#onDownstreamDrain)
    this.#downstream.off('end', this.#onDownstreamEnd)
    this.#downstream.off('close', this.#onDownstreamClose)
  }
}

/** Closed without having come to its end. */
function brokenOff(socket: Socket): boolean {
  return socket.errored !== null || !socket.readableEnded
}

/** Of more the oldest is left to the collector: no more of them wait in a socket, whose high-water mark is four. */
const WAITING_MAX = 8

/**
 * Writes a chunk that is ours; what was not written whole at once is kept in `waiting` until it is. True: congested, 'drain' will come.
 * That `write` says so of a chunk which it then wrote whole is no congestion.
 */
function passOn(socket: Socket, chunk: Buffer, waiting: Buffer[]): boolean {
  if (waiting.length > 0 && socket.writableLength === 0) giveBackAll(waiting)
  const ready = socket.write(chunk)
  if (socket.writableLength === 0) {
    giveBack(chunk)
    return false
  }
  if (chunk.byteLength < GIVEN_BACK_BYTES_MIN) return !ready
  if (waiting.length === WAITING_MAX) waiting.shift()
  waiting.push(chunk)
  return !ready
}

/** To be called when nothing waits in their socket any more. */
function giveBackAll(waiting: Buffer[]): void {
  for (const chunk of waiting) giveBack(chunk)
  waiting.length = 0
}

/** Below it memory is Node's pool, or not worth a call. */
const GIVEN_BACK_BYTES_MIN = 16 * 1024

/**
 * Frees what a chunk was read into, once it is written and nobody has it any more. Left to the collector, hundreds of megabytes a second
 * wait for it as memory that is never warm: a third and more of what relaying costs (bench/tcp-relay.ts: 1.7 times the CPU of HAProxy without this, 1.2 with it).
 */
function giveBack({ buffer, byteLength }: Buffer): void {
  if (byteLength < GIVEN_BACK_BYTES_MIN || buffer.byteLength !== byteLength) return
  ;(buffer as ArrayBuffer).transfer(0)
}
