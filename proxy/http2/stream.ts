// Hot path: a stream is a plain record; it is made once per request and never used again, so that holding one too long harms nobody.
import type { Fields } from '../exchange.ts'
import type { ResponseHead } from './heads.ts'

/** Why a stream ended before both directions did. */
export interface StreamBroken {
  /** Of RFC 9113, 7. NO_ERROR from a server that has answered: it does not want the rest of the request. */
  code: number
  /** peer: it reset the stream. us: it broke a rule, or a limit. connection: that is gone, or ends. */
  by: 'peer' | 'us' | 'connection'
  /** The server did nothing with the request, and said so (REFUSED_STREAM, or GOAWAY below its id): it may be sent again, whatever its method. */
  unprocessed: boolean
  /** One sentence for people; holds no bytes of the peer. */
  reason: string
}

/**
 * Whom a stream belongs to. Calls come in the order of the wire: of an answer onInformational*, onHead, then data*, onEnd. After onBroken
 * nothing comes. May call back into the connection from within each.
 */
export interface StreamUser {
  /** Client only: 100, 102 to 199. */
  onInformational(head: ResponseHead): void
  /** Client only: the final head. `ended`: there is no body, and onEnd follows. */
  onHead(head: ResponseHead, ended: boolean): void
  /** Valid during the call. Say `consumed` once the bytes were passed on, or the peer will send no more. */
  onData(bytes: Buffer): void
  /** The peer's direction is complete. */
  onEnd(trailers: Fields | null): void
  /** The stream is no more. May come after onEnd while our own direction is open. */
  onBroken(cause: StreamBroken): void
  /** After `data` answered false: go on. */
  onWritable(): void
}

/** Made by the connection only; what its user may touch is `user` and `held`. */
export class Stream {
  readonly id: number
  user: StreamUser | undefined
  /** Set by a user whose work outlives the stream: it keeps its place among the concurrent ones until `letGo`. */
  held = false
  /** Neither direction carries anything any more. */
  closed = false
  /** CONNECT: both directions end for themselves. */
  tunnel = false

  // ---- the peer's direction
  /** END_STREAM came. */
  peerEnded = false
  /** The final head came. */
  headCame = false
  /** Informational answers that came. */
  informationals = 0
  /** Of an answer: DATA may not come (HEAD). */
  bodiless = false
  /** DATA bytes that content-length still announces, -1: unknown. */
  contentLeft = -1
  /** What the peer may still send; below 0 after our settings made it smaller. */
  receiveWindow: number
  /** Bytes told to the user and not yet passed on. */
  unconsumed = 0
  /** Bytes to be credited with the next WINDOW_UPDATE. */
  uncredited = 0

  // ---- ours
  /** The user said `end`. */
  ended = false
  /** END_STREAM is in the output. */
  endSent = false
  /** What we may still send; below 0 after the peer's settings made it smaller. */
  sendWindow: number
  /** Copies of what could not be sent at once; of the first, sentOfFirst bytes are gone. */
  queue: Buffer[] | undefined = undefined
  sentOfFirst = 0
  queuedBytes = 0
  /** To be sent behind the queue. */
  trailers: Fields | null = null
  /** `data` said false: onWritable is owed. */
  congested = false
  /** When the queue last moved, or began. */
  movedMs = 0

  constructor(id: number, user: StreamUser | undefined, receiveWindow: number, sendWindow: number) {
    this.id = id
    this.user = user
    this.receiveWindow = receiveWindow
    this.sendWindow = sendWindow
  }
}
