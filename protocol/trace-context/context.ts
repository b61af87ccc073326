/**
 * Whether a trace is kept. deferred: nobody decided yet. The state never changes along a trace once it was decided;
 * ids travel on even when it is denied. debug: keep it whatever samplers say. Source: openzipkin/b3-propagation.
 */
export type Sampling = 'deferred' | 'denied' | 'accepted' | 'debug'

/** What a request says of its trace. Ids in lower-case hex; a 64-bit trace id keeps its 16 digits. */
export interface TraceContext {
  traceId: string
  spanId: string
  /** '' when the sender told none. */
  parentSpanId: string
  sampling: Sampling
  /** W3C's random-trace-id flag (level 2, 3.2.2.5.2): whoever made the id told that it is random. Goes on as it came. */
  randomTraceId: boolean
}

/** What one format's headers hold: nothing, something valid, or something malformed (then the next format is asked). */
export type Reading =
  | { status: 'absent' }
  | { status: 'malformed' }
  | { status: 'context'; context: TraceContext }
  | { status: 'sampling'; sampling: Sampling }

export const absent: Reading = { status: 'absent' }
export const malformed: Reading = { status: 'malformed' }

/** Lower-case hex of exactly `digits` digits that is not all zero; undefined when the text is anything else. Upper case is accepted on the way in. */
export function readId(text: string, digits: number): string | undefined {
  if (text.length !== digits) return undefined
  let zero = true
  let upper = false
  for (let i = 0; i < digits; i++) {
    const code = text.charCodeAt(i)
    if (code >= 48 && code <= 57) {
      if (code !== 48) zero = false
    } else if (code >= 97 && code <= 102) zero = false
    else if (code >= 65 && code <= 70) {
      zero = false
      upper = true
    } else return undefined
  }
  if (zero) return undefined
  return upper ? text.toLowerCase() : text
}

/** A trace id of 64 or 128 bits. */
export function readTraceId(text: string): string | undefined {
  return text.length === 32 || text.length === 16 ? readId(text, text.length) : undefined
}
