/**
 * Bounds of one HTTP/2 connection. Each has a counter of the same name (stats.ts). Where nothing else is said, passing one ends the
 * connection with GOAWAY ENHANCE_YOUR_CALM and a text that names it. A burst is an allowance that is full at the start, spent by one
 * each time, and refilled up to the burst by time, and by what is said there.
 */
export interface Http2Limits {
  /** Streams that the peer may have open. More are reset with REFUSED_STREAM: nothing was done, and may be sent again. */
  concurrentStreamsMax: number

  /**
   * Bytes of a header block as it comes, all its frames together. Much more than headerListBytesMax: a head that is merely too large is
   * refused by itself, and does not end the connection with all the others on it.
   */
  headerBlockBytesMax: number
  /** CONTINUATION frames of one block (CVE-2024-27316). */
  continuationFramesMax: number
  /** From the first byte of a frame or block to its last. */
  headerBlockTimeoutMs: number
  /** Decoded names and values, and 32 for each field. More is `tooLarge`: read to its end for the table's sake, nothing is kept (HPACK bomb). */
  headerListBytesMax: number
  /** Decoded fields of one block. More is `tooLarge`, too. */
  headerFieldsMax: number
  /** Informational answers (1xx) to one request. More break the stream. */
  informationalsMax: number
  /** What we keep as the peer's encoder asks: SETTINGS_HEADER_TABLE_SIZE. More is COMPRESSION_ERROR. */
  headerTableBytesMax: number

  /** What a peer may send on a stream ahead of what was passed on. More is FLOW_CONTROL_ERROR on the stream. */
  streamWindowBytes: number
  /** The same of all streams together. At least 65,535, with which every connection begins. More is FLOW_CONTROL_ERROR. */
  connectionWindowBytes: number
  /** Bytes told to users and not yet passed on by them; past it the connection's window is not filled up again. Nobody's fault: a brake. */
  unconsumedBytesMax: number
  /** Bytes queued on one stream past which `data` answers false. Nobody's fault: a brake. */
  streamQueueBytes: number
  /** Bytes queued on all streams, and of heads while the socket is full: a peer that asks on and takes nothing, or a user that ignores `data`'s answer. */
  unsentBytesMax: number
  /** Bytes of replies (acknowledgements, resets, credit) while the peer takes nothing from us. */
  unsentControlBytesMax: number
  /** A stream of whose queue nothing moved for so long is reset with CANCEL: a zero-window reader. */
  stalledStreamMs: number

  /** Streams that the peer may open and reset (CVE-2023-44487); ten more each second, and one for each finished stream. */
  resetsBurst: number
  /** Streams that the peer may make us reset by faulty frames (CVE-2025-8671); more as for resets. */
  provokedResetsBurst: number
  /** SETTINGS frames; one more each second. */
  settingsFramesBurst: number
  /** Settings in one frame. */
  settingsEntriesMax: number
  /** PINGs; two more each second, and one for each HEADERS or DATA frame that came or went: gRPC measures its way with them. */
  pingsBurst: number
  /** PRIORITY, unknown frames, and whatever else is allowed but means nothing; ten more each second. */
  ignoredFramesBurst: number
  /** DATA frames without data and without END_STREAM, in a row. */
  emptyDataFramesMax: number
  /**
   * WINDOW_UPDATEs; one more each second, and ten for each DATA frame that we sent, but for small ones that the window had cut: a reader
   * that opens its window byte by byte makes us send a frame for each.
   */
  windowUpdatesBurst: number

  /** From the connection's begin to the peer's preface and SETTINGS. Ends with PROTOCOL_ERROR. */
  prefaceTimeoutMs: number
  /** From our SETTINGS to their acknowledgement. Ends with SETTINGS_TIMEOUT. */
  settingsAckTimeoutMs: number
  /** From our PING to its answer. The peer is gone: the connection is closed. */
  pingTimeoutMs: number
}

export const DEFAULT_HTTP2_LIMITS: Http2Limits = {
  concurrentStreamsMax: 100,
  headerBlockBytesMax: 256 * 1024,
  continuationFramesMax: 16,
  headerBlockTimeoutMs: 10_000,
  headerListBytesMax: 64 * 1024,
  headerFieldsMax: 200,
  informationalsMax: 100,
  headerTableBytesMax: 4096,
  streamWindowBytes: 64 * 1024,
  connectionWindowBytes: 1024 * 1024,
  unconsumedBytesMax: 4 * 1024 * 1024,
  streamQueueBytes: 64 * 1024,
  unsentBytesMax: 16 * 1024 * 1024,
  unsentControlBytesMax: 64 * 1024,
  stalledStreamMs: 30_000,
  resetsBurst: 100,
  provokedResetsBurst: 100,
  settingsFramesBurst: 100,
  settingsEntriesMax: 32,
  pingsBurst: 100,
  ignoredFramesBurst: 1000,
  emptyDataFramesMax: 100,
  windowUpdatesBurst: 100,
  prefaceTimeoutMs: 10_000,
  settingsAckTimeoutMs: 10_000,
  pingTimeoutMs: 10_000,
}

const known = new WeakMap<Partial<Http2Limits>, Http2Limits>()

/** Those given, and for the rest the default ones: one record for all connections that are given the same. */
export function wholeLimits(given: Partial<Http2Limits> | undefined): Http2Limits {
  if (given === undefined) return DEFAULT_HTTP2_LIMITS
  const whole = known.get(given) ?? { ...DEFAULT_HTTP2_LIMITS, ...given }
  known.set(given, whole)
  return whole
}
