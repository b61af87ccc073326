// Hot path: bytes on their way to the peer, put together until the end of the turn.

/** Where flushed bytes go: a socket, by way of its owner. */
export interface ByteSink {
  /** True: the bytes are gone (the kernel has them), and their memory may be used again. False: the sink keeps them. */
  write(bytes: Buffer): boolean
}

const CHUNK_BYTES = 32 * 1024
/** Chunks that are kept for the next turn, of all connections. */
const POOLED_MAX = 64

/** Memory only, whose content means nothing between two uses: it may be shared by all connections. */
const pool: Buffer[] = []

const NO_BYTES = Buffer.alloc(0)

export class Output {
  /** The chunk that is being filled; write at `at`, after `reserve`. */
  bytes: Buffer = NO_BYTES
  at = 0
  readonly #full: Buffer[] = []
  #fullBytes = 0

  /** Bytes that wait. */
  get length(): number {
    return this.#fullBytes + this.at
  }

  /** Makes sure that `bytes` (at most a frame and its head) can be written at `at`. May change `bytes` and `at`. */
  reserve(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return
    if (this.at > 0) {
      this.#full.push(this.bytes.subarray(0, this.at))
      this.#fullBytes += this.at
    }
    this.bytes = pool.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES)
    this.at = 0
  }

  /** Gives all that waits to the sink, in order. No memory is held afterwards. */
  flush(sink: ByteSink): void {
    const full = this.#full
    for (let i = 0; i < full.length; i++) this.#give(full[i]!, sink)
    full.length = 0
    this.#fullBytes = 0
    const { bytes, at } = this
    this.bytes = NO_BYTES
    this.at = 0
    if (at > 0) this.#give(bytes.subarray(0, at), sink)
  }

  #give(bytes: Buffer, sink: ByteSink): void {
    if (!sink.write(bytes) || pool.length >= POOLED_MAX) return
    // allocUnsafeSlow: the chunk is all of its memory.
    pool.push(Buffer.from(bytes.buffer, 0, CHUNK_BYTES))
  }
}
