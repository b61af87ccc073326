// Hot path: the words between one request on its way through a cluster and whatever carries it to an endpoint.
import type { Exchange, Fields, ResponseHead } from '../exchange.ts'
import type { RequestPassage } from './passage.ts'

/**
 * Takes one request to an endpoint and brings its answer back: a connection of HTTP/1.1, or one stream of an HTTP/2 connection.
 * Calls come in the order head, data*, end; those of a tunnel after its head; `abandon` at any time.
 */
export interface Carrier {
  /** It may turn out that nothing was done with the request: then it can be sent again, whatever its method. */
  readonly mayRefuse: boolean
  /** Sends the head. `ended`: nothing follows it, and `end` says no more than that. */
  head(exchange: Exchange, ended: boolean): void
  /** False: congested, wait for onWritable. Nothing of `chunk` is kept but what a socket holds of a large one. */
  data(chunk: Buffer): boolean
  end(trailers: Fields | null): void
  /** After onAnswerData returned false: go on. */
  resume(): void
  /** Lets go of the request at once, without telling anybody: HTTP/1.1 closes, HTTP/2 resets the stream. */
  abandon(): void
  /** Our direction of a tunnel is over. */
  endTunnel(): void
  /** Both directions are: what was written still leaves, nobody is told of anything more. */
  leaveTunnel(): void
}

/** What happens on the way of one request; called in the order it happens. After onAnswered or onBroken nothing more is. */
export interface Carried {
  readonly method: string
  /** The whole request was given to the carrier. */
  readonly sent: boolean
  onConnected(carrier: Carrier): void
  /** 1xx other than 101. */
  onInterim(head: ResponseHead): void
  /** False: the answer is not wanted; the carrier sees to what is left of it. A 101 begins a tunnel. */
  onHead(head: ResponseHead): boolean
  /** False: congested, until `resume`. */
  onAnswerData(bytes: Buffer): boolean
  onAnswered(trailers: Fields | null): void
  onBroken(cause: Breakage, detail: string): void
  onWritable(): void
}

/** A connection that is being made, for whoever waits for it. */
export interface Coming {
  /** `waiter` no longer needs it. `giveUp`: it took too long, so that nobody shall have it whom it was not made for, too. */
  leave(waiter: Carried, giveUp: boolean): void
}

/**
 * connect: no connection came to be. stale: an idle one that was closed as it was used, not one byte came. refused: the endpoint did nothing
 * with the request, and said so. invalid: not HTTP. too-large: the endpoint's settings say that it does not take such a head; nothing was sent.
 */
export type Breakage = 'connect' | 'connect-timeout' | 'stale' | 'refused' | 'reset' | 'invalid' | 'too-large'

/** Something that wants a request carried, and waits if nothing is to be had. */
export interface Applicant extends Carried {
  readonly passage: RequestPassage
  /** A connection is being made for it: onConnected, onBroken or onTurn follows. */
  onComing(coming: Coming): void
  /** Its turn has come to choose an endpoint again, and to ask again, whatever it had chosen before. */
  onTurn(): void
}
