// Hot path: a message's way onto an HTTP/1.1 socket; head and first bytes of body leave in one write.
import type { Writable } from 'node:stream'
import { COPY_BYTES_MAX, flushAtEndOfTurn, writeBoth, writeTogether } from './cork.ts'
import type { Fields } from './exchange.ts'
import type { BodyFraming } from './http1/framing.ts'
import { CHUNK_SUFFIX, chunkPrefix, lastChunk } from './http1/serialize.ts'

const LAST_CHUNK_TEXT = '0\r\n\r\n'

/** Writes messages one after the other. What is corked leaves with the next bytes, or at the end of the turn. */
export class MessageWriter {
  framing: BodyFraming = 'none'
  readonly #socket: Writable
  #corked = ''
  /** A small chunk that waits for what follows in the same turn: most often the last chunk. */
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
    if (this.framing !== 'chunked') return writeBoth(this.#socket, this.#takeCorked(), chunk)
    this.#flushHeld()
    const text = this.#takeCorked() + chunkPrefix(chunk.length)
    if (chunk.length > COPY_BYTES_MAX) return writeTogether(this.#socket, text, chunk, CHUNK_SUFFIX)
    this.#held = chunkBuffer(text, chunk)
    this.#enter()
    return !this.#socket.writableNeedDrain
  }

  end(trailers: Fields | null): void {
    if (this.framing !== 'chunked') {
      this.flush()
      return
    }
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

  flush(): void {
    this.#entered = false
    this.#flushHeld()
    if (this.#corked !== '') this.#socket.write(this.#takeCorked(), 'latin1')
  }

  /** True while not one byte of what was given has left. */
  get corked(): boolean {
    return this.#corked !== '' || this.#held !== undefined
  }

  /** Forgets what has not left. */
  drop(): void {
    this.#corked = ''
    this.#held = undefined
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
