// Hot path: a message's way onto an HTTP/1.1 socket; head and first bytes of body leave in one write, and all writes of a turn together.
import type { Writable } from 'node:stream'
import { COPY_BYTES_MAX, flushAtEndOfTurn, writeTogether } from './cork.ts'
import type { Fields } from './exchange.ts'
import type { BodyFraming } from './http1/framing.ts'
import { CHUNK_SUFFIX, chunkPrefix, lastChunk } from './http1/serialize.ts'

const LAST_CHUNK_TEXT = '0\r\n\r\n'

/**
 * Writes messages one after the other. What is small waits for the end of the turn: when all ready sockets were read, all are written, so
 * that whoever waits at the other ends is woken once, not for every message.
 */
export class MessageWriter {
  framing: BodyFraming = 'none'
  readonly #socket: Writable
  /** Text behind what is held. */
  #corked = ''
  /** What of this turn has been put together already: a copy. */
  #held: Buffer | undefined = undefined
  #entered = false

  constructor(socket: Writable) {
    this.#socket = socket
  }

  /** A head as latin1 text; the body behind it is framed as told. */
  head(text: string, framing: BodyFraming): void {
    this.framing = framing
    this.#corked += text
    this.#enter()
  }

  /** False: the socket is congested; it says 'drain' later. */
  data(chunk: Buffer): boolean {
    this.#flushHeld()
    const chunked = this.framing === 'chunked'
    const text = chunked ? this.#takeCorked() + chunkPrefix(chunk.length) : this.#takeCorked()
    if (chunk.length > COPY_BYTES_MAX)
      return writeTogether(this.#socket, text, chunk, chunked ? CHUNK_SUFFIX : undefined)
    this.#held = chunked ? chunkBuffer(text, chunk) : joined(text, chunk)
    this.#enter()
    return !this.#socket.writableNeedDrain
  }

  end(trailers: Fields | null): void {
    if (this.framing !== 'chunked') return
    const held = this.#held
    if (held === undefined || trailers !== null || this.#corked !== '') {
      this.#corked += trailers === null ? LAST_CHUNK_TEXT : lastChunk(trailers)
      this.#enter()
      return
    }
    // chunkBuffer left room for this.
    const whole = Buffer.from(held.buffer, held.byteOffset, held.length + LAST_CHUNK_TEXT.length)
    whole.write(LAST_CHUNK_TEXT, held.length, 'latin1')
    this.#held = whole
  }

  /** Writes what waits. To be called before the socket is ended or destroyed. */
  flush(): void {
    this.#flushHeld()
    if (this.#corked !== '') this.#socket.write(this.#takeCorked(), 'latin1')
  }

  /** From the end of the turn. */
  flushTurn(): void {
    this.#entered = false
    this.flush()
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

/** A latin1 text and a copy of the bytes behind it. */
function joined(text: string, chunk: Buffer): Buffer {
  const whole = Buffer.allocUnsafe(text.length + chunk.length)
  if (text !== '') whole.write(text, 0, 'latin1')
  chunk.copy(whole, text.length)
  return whole
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
