/** Takes what a body reader finds. Calls come from within `read`, in order. */
export interface BodySink {
  /** A piece of the body: a view of the chunk just read, never empty. Keep it only if the chunk may be kept. */
  onData(bytes: Buffer): void
  /** The message is over. `trailers` is name, value ... with forbidden names left out, null when there were none. */
  onEnd(trailers: string[] | null): void
}
