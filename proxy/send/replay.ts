import type { Fields } from '../exchange.ts'
import { REPLAY_BYTES_MAX } from './retry.ts'

/** The part of a request's body that has come in so far, kept while it may have to be sent (again). */
export class ReplayBuffer {
  readonly chunks: Buffer[] = []
  sizeBytes = 0
  trailers: Fields | null = null

  /** Copies the chunk: small ones are views of big reads, which they would keep alive. */
  add(chunk: Buffer): void {
    this.chunks.push(Buffer.from(chunk))
    this.sizeBytes += chunk.length
  }

  get full(): boolean {
    return this.sizeBytes >= REPLAY_BYTES_MAX
  }
}
