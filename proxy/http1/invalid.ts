/** Whose message is read: decides which status an invalid one turns into. */
export type Side = 'request' | 'response'

/**
 * A message that breaks RFC 9112 or a limit. The connection it came on must be closed and never be reused: from here on
 * nobody can know where the next message begins.
 */
export interface InvalidMessage {
  readonly status: 'invalid'
  /** What to answer downstream. Always 502 for a message of an upstream. */
  readonly httpStatus: 400 | 414 | 431 | 502 | 505
  /** One sentence for people. Never holds bytes of the message, so it is safe to log and to answer with. */
  readonly reason: string
}

export function invalid(side: Side, httpStatus: 400 | 414 | 431 | 505, reason: string): InvalidMessage {
  return { status: 'invalid', httpStatus: side === 'response' ? 502 : httpStatus, reason }
}
