// Hot path: what the parts of one connection share, and how streams and the connection end.
import { ClosedStreams } from './closed-streams.ts'
import { ENHANCE_YOUR_CALM, INITIAL_WINDOW_BYTES, INTERNAL_ERROR, REFUSED_STREAM } from './codes.ts'
import { Floods } from './floods.ts'
import { writeGoAway, writeReset } from './frame-writer.ts'
import { HpackEncoder } from './hpack/encoder.ts'
import type { Http2Limits } from './limits.ts'
import { Output } from './output.ts'
import type { ConnectionFault, Http2Owner } from './owner.ts'
import { PeerSettings, type Role } from './settings.ts'
import type { Http2Stats } from './stats.ts'
import type { Stream, StreamBroken } from './stream.ts'
import { StreamTable } from './stream-table.ts'

/** A frame head and four bytes of payload: what most replies take. */
const REPLY_BYTES = 13

export class ConnectionState {
  readonly role: Role
  readonly limits: Http2Limits
  readonly stats: Http2Stats
  readonly owner: Http2Owner
  readonly output = new Output()
  readonly encoder: HpackEncoder
  readonly floods: Floods
  readonly peer = new PeerSettings()
  readonly streams = new StreamTable()
  readonly closed = new ClosedStreams()
  /** Coarse monotonic time, as told with the last call. */
  nowMs: number

  /** The highest stream that the peer opened, and that we looked at. */
  lastPeerId = 0
  /** Streams of the peer that take a place: open, or held by their users. */
  peerStreams = 0
  nextOwnId: number

  /** Our settings were acknowledged: until then the peer goes by the initial ones. */
  settingsAcked = false
  /** What a new stream of the peer's may be sent on. */
  receiveWindowInitial = INITIAL_WINDOW_BYTES
  unconsumedBytes = 0

  /** The socket takes no more for now. */
  congested = false
  #controlBytes = 0
  /** Of heads, since the socket is full. */
  #headBytes = 0
  /** Streams with a queue, in the order of their turns. */
  readonly queued = new Set<Stream>()
  queuedBytes = 0
  #flushAsked = false

  /** We take no new streams above this one: our last GOAWAY. -1: none was sent. */
  lastTakenId = -1
  /** We open no new streams: the peer's GOAWAY came, or we are draining. */
  opensNoMore = false
  fault: ConnectionFault | undefined = undefined
  /** The socket is gone, or onDrained was said. */
  over = false

  constructor(role: Role, limits: Http2Limits, stats: Http2Stats, owner: Http2Owner, nowMs: number) {
    this.role = role
    this.limits = limits
    this.stats = stats
    this.owner = owner
    this.nowMs = nowMs
    this.nextOwnId = role === 'client' ? 1 : 2
    this.encoder = new HpackEncoder(limits.headerTableBytesMax)
    this.floods = new Floods(limits, nowMs)
  }

  get ended(): boolean {
    return this.fault !== undefined || this.over
  }

  // ---- the output

  /** Something was written. */
  wrote(): void {
    if (this.#flushAsked) return
    this.#flushAsked = true
    this.owner.wantsFlush()
  }

  /** A reply was written that the peer made us write: bounded while it takes nothing. */
  replied(): void {
    this.wrote()
    if (!this.congested) return
    this.#controlBytes += REPLY_BYTES
    if (this.#controlBytes > this.limits.unsentControlBytesMax)
      this.breach('unsentControlBytesMax', 'it asks for replies and does not read them')
  }

  wroteHead(blockBytes: number): void {
    this.wrote()
    if (!this.congested) return
    this.#headBytes += blockBytes + REPLY_BYTES
    this.checkUnsent()
  }

  checkUnsent(): void {
    if (this.queuedBytes + this.#headBytes > this.limits.unsentBytesMax)
      this.breach('unsentBytesMax', 'too much waits for it that it does not take')
  }

  flushed(): void {
    this.#flushAsked = false
  }

  drained(): void {
    this.#controlBytes = 0
    this.#headBytes = 0
  }

  // ---- the end of a stream

  /** Both directions ended, in order. */
  finish(stream: Stream): void {
    this.stats.streamsFinished++
    this.floods.streamFinished()
    this.closed.ended.add(stream.id)
    this.forget(stream)
  }

  /** We end it: RST_STREAM. Its user is not told. */
  reset(stream: Stream, code: number): void {
    if (stream.closed) return
    this.resetId(stream.id, code)
    this.forget(stream)
  }

  /** Of a stream without a record, too. */
  resetId(id: number, code: number): void {
    this.stats.resetsSent++
    this.closed.resetByUs.add(id)
    writeReset(this.output, id, code)
    this.replied()
  }

  /** The peer broke a rule on this stream: it is reset, and its user told. False: the connection ends. */
  streamFault(id: number, code: number, reason: string): boolean {
    const stream = this.streams.get(id)
    this.resetId(id, code)
    if (this.ended) return false
    this.owner.onStreamFault(id, code, reason)
    if (stream !== undefined) {
      this.forget(stream)
      this.tellBroken(stream, { code, by: 'us', unprocessed: false, reason })
    }
    // Before our settings are known to it, a client cannot know how many streams it may open.
    if (code === REFUSED_STREAM && !this.settingsAcked) return !this.ended
    if (!this.ended && !this.floods.provokedResets.take(this.nowMs))
      this.breach('provokedResetsBurst', 'too many streams that had to be reset for its errors')
    return !this.ended
  }

  /** Takes the stream out of all books. */
  forget(stream: Stream): void {
    if (stream.closed) return
    stream.closed = true
    this.streams.delete(stream.id)
    this.unconsumedBytes -= stream.unconsumed
    this.dropQueue(stream)
    if (this.isPeers(stream.id)) {
      if (!stream.held) this.peerStreams--
    } else if (!this.ended) this.owner.onFree()
    this.checkDrained()
  }

  dropQueue(stream: Stream): void {
    if (stream.queuedBytes === 0) return
    this.queued.delete(stream)
    this.queuedBytes -= stream.queuedBytes
    stream.queuedBytes = 0
    stream.queue = undefined
  }

  isPeers(id: number): boolean {
    return (id & 1) === (this.role === 'server' ? 1 : 0)
  }

  tellBroken(stream: Stream, cause: StreamBroken): void {
    try {
      stream.user?.onBroken(cause)
    } catch (error) {
      this.owner.onBug(error)
    }
  }

  /** A user threw while it was told something. */
  bug(stream: Stream, error: unknown): void {
    this.owner.onBug(error)
    if (stream.closed) return
    this.reset(stream, INTERNAL_ERROR)
    this.tellBroken(stream, {
      code: INTERNAL_ERROR,
      by: 'us',
      unprocessed: false,
      reason: 'the proxy failed to handle what came',
    })
  }

  // ---- the end of the connection

  checkDrained(): void {
    if (this.streams.size > 0 || this.ended || !this.opensNoMore) return
    // A server's client may open further ones until it has seen our last word.
    if (this.role === 'server' && this.lastTakenId !== this.lastPeerId) return
    this.over = true
    this.owner.onDrained()
  }

  breach(limit: keyof Http2Limits, reason: string): void {
    this.fail(ENHANCE_YOUR_CALM, `${reason} (${limit}: ${this.limits[limit]})`, limit)
  }

  /** GOAWAY, and nothing more is read. `reason`: one sentence about the peer, which gets to see it. */
  fail(code: number, reason: string, limit: keyof Http2Limits | '' = ''): void {
    if (this.ended) return
    this.fault = { code, reason, limit }
    this.stats.connectionErrors++
    if (limit !== '') this.stats.limits[limit]++
    writeGoAway(this.output, this.lastPeerId, code, reason)
    this.wrote()
    this.breakStreams(code, reason)
    this.owner.onFailed(this.fault)
  }

  /** Tells all that their streams are no more. */
  breakStreams(code: number, reason: string): void {
    const streams = this.streams.all()
    for (const stream of streams) this.forget(stream)
    for (const stream of streams) this.tellBroken(stream, { code, by: 'connection', unprocessed: false, reason })
  }
}
