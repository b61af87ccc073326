// Hot path: answers in HTTP/1.1.
import type { Duplex } from 'node:stream'
import type { Fields, ResponseHead } from '../exchange.ts'
import { framingToDownstream } from '../http1/framing.ts'
import { connectionToDownstream } from '../http1/hop-by-hop.ts'
import { serializeResponseHead } from '../http1/serialize.ts'
import { MessageWriter } from '../message-writer.ts'

export class AnswerWriter {
  /** Set by `head`: the connection stays open after this answer. */
  keep = true
  readonly #out: MessageWriter
  #method = ''
  #minorVersion: 0 | 1 = 1

  constructor(socket: Duplex) {
    this.#out = new MessageWriter(socket)
  }

  /** Makes ready for the answer to a request of this method and version. */
  begin(method: string, minorVersion: 0 | 1): void {
    this.#method = method
    this.#minorVersion = minorVersion
    this.#out.framing = 'none'
  }

  /** True when the answer's end can only be told by closing. */
  get lastsUntilClose(): boolean {
    return this.#out.framing === 'until-close' || this.#out.framing === 'tunnel'
  }

  informational(head: ResponseHead): void {
    // HTTP/1.0 knows no interim answers (RFC 9110, 15.2).
    if (this.#minorVersion === 0) return
    this.#out.head(serializeResponseHead(head.status, head.reason, head.fields, 'none', '', ''), 'none')
    this.#out.flush()
  }

  /** `keep`: as far as the connection is concerned it may stay; the framing may decide otherwise. `more` are fields to add. */
  head(head: ResponseHead, keep: boolean, tunnel: boolean, more: Fields | undefined): void {
    const framing = tunnel
      ? 'tunnel'
      : framingToDownstream(head.status, this.#method, this.#minorVersion, head.contentLength)
    this.keep = keep && framing !== 'until-close' && framing !== 'tunnel'
    const connection = tunnel
      ? connectionToDownstream(true, 1, head.upgrade !== '')
      : connectionToDownstream(this.keep, this.#minorVersion, false)
    const fields = more === undefined ? head.fields : head.fields.concat(more)
    this.#out.head(serializeResponseHead(head.status, head.reason, fields, framing, connection, head.upgrade), framing)
    if (tunnel) this.#out.flush()
  }

  /** False: the socket is congested; it says 'drain' later. */
  data(chunk: Buffer): boolean {
    return this.#out.data(chunk)
  }

  end(trailers: Fields | null): void {
    this.#out.end(trailers)
  }

  /** Writes what waits for the end of the turn: before the socket is ended or destroyed. */
  flush(): void {
    this.#out.flush()
  }
}
