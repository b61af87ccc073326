import { Buffer } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import type { Clock } from '../../runtime/clock.ts'
import type { SectionBook } from './section-book.ts'

export interface StreamLimits {
  /** Each stream hears something at least this often. */
  heartbeatMs: number
  /** A reader that has not taken what was written for this long is cut; it may come again. */
  slowReaderMs: number
}

/** Why a stream ended, for counting. */
export type StreamEnd = 'left' | 'replaced' | 'slow-reader' | 'scope-gone' | 'closing'

export interface SnapshotStreams {
  /** Takes over a response and writes `hello` and all sections of the scope. A stream of the same instance that is open is ended. */
  open(stream: { instance: string; scope: string; hello: string; response: ServerResponse; onEnd: () => void }): void
  /** Tells the proxies of these scopes what is new. */
  publish(scopes: ReadonlySet<string>): void
  /** Tells every proxy everything anew. */
  publishAll(): void
  /** Ends one instance's stream. */
  end(instance: string, why: StreamEnd): void
  readonly size: number
  /** The epoch that a connected proxy was last sent; undefined when it has no stream. */
  sentEpoch(instance: string): number | undefined
  close(): void
}

interface Stream {
  instance: string
  scope: string
  response: ServerResponse
  sentEpoch: number
  /** Since when the reader has not taken what was written. While set, nothing more is written: the newest state follows at drain. */
  blockedSinceMs: number | undefined
  end(why: StreamEnd): void
}

/** Heartbeats go out in this many turns, so that thousands of streams do not hold up the process at once. */
const HEARTBEAT_TURNS = 10

/** The open snapshot streams. What a stream buffers is bounded by one line: a slow reader gets the newest state when it has caught up. */
export function snapshotStreams(
  book: SectionBook,
  { heartbeatMs, slowReaderMs }: StreamLimits,
  { clock, onStreamEnd }: { clock: Clock; onStreamEnd: (why: StreamEnd) => void },
): SnapshotStreams {
  const streams = new Map<string, Stream>()
  const turns = Array.from({ length: HEARTBEAT_TURNS }, () => new Set<Stream>())
  let opened = 0
  let turn = 0

  const write = (stream: Stream, line: Buffer | string) => {
    if (!stream.response.write(line)) stream.blockedSinceMs ??= clock.now()
  }
  const tell = (stream: Stream) => {
    if (stream.blockedSinceMs !== undefined) return
    if (!book.hasScope(stream.scope)) return stream.end('scope-gone')
    const line = book.lineSince(stream.scope, stream.sentEpoch)
    if (!line) return
    stream.sentEpoch = book.epoch
    write(stream, line)
  }
  const beat = () => {
    turn = (turn + 1) % HEARTBEAT_TURNS
    const now = clock.now()
    const beats = new Map<number, Buffer>()
    for (const stream of turns[turn]!) {
      if (stream.blockedSinceMs === undefined) {
        const line = beats.get(stream.sentEpoch) ?? Buffer.from(`{"epoch":${stream.sentEpoch}}\n`)
        beats.set(stream.sentEpoch, line)
        write(stream, line)
      } else if (now - stream.blockedSinceMs >= slowReaderMs) stream.end('slow-reader')
    }
  }
  const stopBeating = clock.every(heartbeatMs / HEARTBEAT_TURNS, beat)

  return {
    open({ instance, scope, hello, response, onEnd }) {
      streams.get(instance)?.end('replaced')
      const beats = turns[opened++ % HEARTBEAT_TURNS]!
      let ended = false
      const stream: Stream = {
        instance,
        scope,
        response,
        sentEpoch: 0,
        blockedSinceMs: undefined,
        end(why) {
          if (ended) return
          ended = true
          beats.delete(stream)
          if (streams.get(instance) === stream) streams.delete(instance)
          onStreamEnd(why)
          onEnd()
          if (why === 'slow-reader') response.destroy()
          else if (!response.writableEnded) response.end()
        },
      }
      streams.set(instance, stream)
      beats.add(stream)
      response.on('drain', () => {
        stream.blockedSinceMs = undefined
        if (!ended) tell(stream)
      })
      response.on('close', () => stream.end('left'))
      response.on('error', () => stream.end('left'))
      write(stream, hello)
      tell(stream)
    },
    publish(scopes) {
      for (const stream of streams.values()) if (scopes.has(stream.scope)) tell(stream)
    },
    publishAll() {
      for (const stream of streams.values()) tell(stream)
    },
    end: (instance, why) => streams.get(instance)?.end(why),
    get size() {
      return streams.size
    },
    sentEpoch: instance => streams.get(instance)?.sentEpoch,
    close() {
      stopBeating()
      for (const stream of [...streams.values()]) stream.end('closing')
    },
  }
}
