// Hot path: an answer's way onto an HTTP/1.1 socket; head and first bytes of body leave in one write.
import type { Duplex } from 'node:stream'
import { COPY_BYTES_MAX, flushAtEndOfTurn, writeBoth, writeTogether } from '../cork.ts'
import type { Fields, ResponseHead } from '../exchange.ts'
import { type BodyFraming, framingToDownstream } from '../http1/framing.ts'
import { connectionToDownstream } from '../http1/hop-by-hop.ts'
import { CHUNK_SUFFIX, chunkPrefix, lastChunk, serializeResponseHead } from '../http1/serialize.ts'

const LAST_CHUNK_TEXT = '0\r\n\r\n'

export class AnswerWriter {
  /** Set by `head`: the connection stays open after this answer. */
  keep = true
  readonly #socket: Duplex
  #method = ''
  #minorVersion: 0 | 1 = 1
  #framing: BodyFraming = 'none'
  /** Latin1 text that waits for the bytes it can leave with. */
  #corked = ''
  /** A small chunk that waits for what follows in the same turn: most often the last chunk. */
  #held: Buffer | undefined = undefined
  #entered = false

  constructor(socket: Duplex) {
    this.#socket = socket
  }

  /** Makes ready for the answer to a request of this method and version. */
  begin(method: string, minorVersion: 0 | 1): void {
    this.#method = method
    this.#minorVersion = minorVersion
    this.#framing = 'none'
  }

  /** True when the answer's end can only be told by closing. */
  get lastsUntilClose(): boolean {
    return this.#framing === 'until-close' || this.#framing === 'tunnel'
  }

  informational(head: ResponseHead): void {
    // HTTP/1.0 knows no interim answers (RFC 9110, 15.2).
    if (this.#minorVersion === 0) return
    this.#corked += serializeResponseHead(head.status, head.reason, head.fields, 'none', '', '')
    this.flush()
  }

  /** `keep`: as far as the connection is concerned it may stay; the framing may decide otherwise. `more` are fields to add. */
  head(head: ResponseHead, keep: boolean, tunnel: boolean, more: Fields | undefined): void {
    this.#framing = tunnel
      ? 'tunnel'
      : framingToDownstream(head.status, this.#method, this.#minorVersion, head.contentLength)
    this.keep = keep && !this.lastsUntilClose
    const connection = tunnel
      ? connectionToDownstream(true, 1, head.upgrade !== '')
      : connectionToDownstream(this.keep, this.#minorVersion, false)
    const fields = more === undefined ? head.fields : head.fields.concat(more)
    this.#corked += serializeResponseHead(head.status, head.reason, fields, this.#framing, connection, head.upgrade)
    if (tunnel) this.flush()
    else this.#enter()
  }

  /** False: the socket is congested; it says 'drain' later. */
  data(chunk: Buffer): boolean {
    if (this.#framing !== 'chunked') return writeBoth(this.#socket, this.#takeCorked(), chunk)
    this.#flushHeld()
    const text = this.#takeCorked() + chunkPrefix(chunk.length)
    if (chunk.length > COPY_BYTES_MAX) return writeTogether(this.#socket, text, chunk, CHUNK_SUFFIX)
    this.#held = chunkBuffer(text, chunk)
    this.#enter()
    return !this.#socket.writableNeedDrain
  }

  end(trailers: Fields | null): void {
    if (this.#framing === 'chunked') this.#endChunked(trailers)
    else this.flush()
  }

  flush(): void {
    this.#entered = false
    this.#flushHeld()
    if (this.#corked !== '') this.#socket.write(this.#takeCorked(), 'latin1')
  }

  #endChunked(trailers: Fields | null): void {
    const held = this.#held
    if (held === undefined || trailers !== null) {
      this.#corked += trailers === null ? LAST_CHUNK_TEXT : lastChunk(trailers)
      this.flush()
      return
    }
    this.#held = undefined
    // chunkBuffer left room for this.
    const whole = Buffer.from(held.buffer, held.byteOffset, held.length + LAST_CHUNK_TEXT.length)
    whole.write(LAST_CHUNK_TEXT, held.length, 'latin1')
    this.#socket.write(whole)
  }

  #enter(): void {
    if (this.#entered) return
    this.#entered = true
    flushAtEndOfTurn(this)
  }

  #flushHeld(): void {
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    this.#socket.write(held)
  }

  #takeCorked(): string {
    const text = this.#corked
    this.#corked = ''
    return text
  }
}

/** Text, bytes and the chunk's end, with room behind for the last chunk, which may take the place of a second write. */
function chunkBuffer(text: string, chunk: Buffer): Buffer {
  const length = text.length + chunk.length + CHUNK_SUFFIX.length
  const whole = Buffer.allocUnsafe(length + LAST_CHUNK_TEXT.length)
  whole.write(text, 0, 'latin1')
  chunk.copy(whole, text.length)
  CHUNK_SUFFIX.copy(whole, length - CHUNK_SUFFIX.length)
  return whole.subarray(0, length)
}
