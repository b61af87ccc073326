/** Lines that a proxy may send again after a broken stream: it keeps ten seconds, which is 40 lines; some room on top. */
const RESENT_LINES_MAX = 64

export type Sequenced =
  /** `missed`: lines of this proxy that never came. `restarted`: the proxy began to count anew. */
  { status: 'next'; missed: number; restarted: boolean } | { status: 'seen' }

/**
 * Judges the sequence number of a line against the last one taken from the same proxy (undefined: none yet).
 * A number seen before is dropped, since counting a line twice would double its errors; but a proxy that was restarted
 * counts from zero again, and must not be deaf until it has caught up with its former life.
 */
export function judgeSequence(last: number | undefined, seq: number, firstOfStream: boolean): Sequenced {
  if (last === undefined) return { status: 'next', missed: 0, restarted: false }
  if (seq > last) return { status: 'next', missed: seq - last - 1, restarted: false }
  if (firstOfStream && (seq === 0 || last - seq > RESENT_LINES_MAX))
    return { status: 'next', missed: 0, restarted: true }
  return { status: 'seen' }
}
