import { Client } from 'undici'
import { Hello } from '../../protocol/hello.ts'
import { readerOf } from '../../protocol/read.ts'
import { readTick, type Tick } from '../../protocol/tick.ts'
import { refusalOf } from '../../protocol/version.ts'
import type { Clock } from '../../runtime/clock.ts'
import { lineSplitter } from '../../runtime/ndjson.ts'
import { sentenceOf } from '../../runtime/tls-faults.ts'
import type { CollectorConnect } from '../to-collector.ts'

const readHello = readerOf(Hello, 8 * 1024)

export interface FeedLimits {
  /** A stream that says nothing for this long is gone. */
  silentMs: number
  backoffBaseMs: number
  backoffMaxMs: number
  lineBytesMax: number
}

export const feedLimits: FeedLimits = {
  silentMs: 3000,
  backoffBaseMs: 100,
  backoffMaxMs: 2000,
  lineBytesMax: 32 * 1024 * 1024,
}

/** What the subscription tells its owner. */
export interface FeedEvents {
  onConnected(): void
  onTick(tick: Tick): void
  /** A line that could not be read; the stream goes on. */
  onInvalid(reason: string): void
  /** The connection that was greeted is over. */
  onDisconnected(): void
  /** Once for each loss, and once for a first attempt that fails; not again for each further attempt. */
  onLost(reason: string): void
}

export interface FeedParts {
  clock: Clock
  random: () => number
  connect: CollectorConnect
}

export interface CollectorFeed {
  readonly url: string
  readonly connected: boolean
  /** Why it is not connected, for people. */
  readonly problem: string | undefined
  close(): void
}

/** Follows a collector's GET /live for as long as it is not closed, coming back by itself with jittered back-off. */
export function collectorFeed(
  url: string,
  limits: FeedLimits,
  { clock, random, connect }: FeedParts,
  events: FeedEvents,
): CollectorFeed {
  let closed = false
  let connected = false
  let problem: string | undefined = 'not connected yet'
  let toldLost = false
  let failures = 0
  let stopAttempt = () => {}
  let cancelRetry = () => {}

  const lost = (reason: string) => {
    if (closed) return
    if (connected) events.onDisconnected()
    connected = false
    problem = reason
    if (!toldLost) events.onLost(reason)
    toldLost = true
    const ceilingMs = Math.min(limits.backoffMaxMs, limits.backoffBaseMs * 2 ** failures++)
    cancelRetry = clock.after(ceilingMs * (0.5 + random() / 2), attempt)
  }
  const attempt = () => {
    stopAttempt = follow(
      url,
      limits,
      { clock, connect },
      {
        onHello() {
          connected = true
          problem = undefined
          toldLost = false
          failures = 0
          events.onConnected()
        },
        onTick: tick => events.onTick(tick),
        onInvalid: reason => events.onInvalid(reason),
        onEnd: lost,
      },
    )
  }
  attempt()

  return {
    url,
    get connected() {
      return connected
    },
    get problem() {
      return problem
    },
    close() {
      closed = true
      connected = false
      cancelRetry()
      stopAttempt()
    },
  }
}

interface Follower {
  onHello(): void
  onTick(tick: Tick): void
  onInvalid(reason: string): void
  /** Exactly once, unless stopped before. */
  onEnd(reason: string): void
}

/** One connection to one /live stream. Gives the function that stops it without a further word. */
function follow(
  base: string,
  limits: FeedLimits,
  { clock, connect }: Omit<FeedParts, 'random'>,
  follower: Follower,
): () => void {
  const url = new URL(`${base.replace(/\/$/, '')}/live`)
  const client = new Client(url.origin, {
    bodyTimeout: 0,
    headersTimeout: limits.silentMs,
    connect: connect(base, limits.silentMs),
  })
  let over = false
  let greeted = false
  let heardAt = clock.now()
  const stop = () => {
    over = true
    stopWatching()
    client.destroy().catch(() => {})
  }
  const end = (reason: string) => {
    if (over) return
    stop()
    follower.onEnd(reason)
  }
  const stopWatching = clock.every(limits.silentMs / 6, () => {
    if (clock.now() - heardAt >= limits.silentMs) end(`${url} was silent for ${limits.silentMs} ms`)
  })
  const onLine = (line: string) => {
    if (over) return
    if (greeted) {
      const read = readTick(line)
      if (read.status === 'ok') follower.onTick(read.value)
      else follower.onInvalid(read.reason)
      return
    }
    const hello = readHello(line)
    const refusal = hello.status === 'ok' ? refusalOf(hello.value, 'control') : `no greeting: ${hello.reason}`
    if (refusal) return end(`${url}: ${refusal}`)
    greeted = true
    follower.onHello()
  }
  const splitter = lineSplitter(limits.lineBytesMax, onLine, () =>
    end(`${url} sent a line of more than ${limits.lineBytesMax} bytes`),
  )
  client
    .request({ path: `${url.pathname}${url.search}`, method: 'GET', headers: { accept: 'application/x-ndjson' } })
    .then(({ statusCode, body }) => {
      body.on('error', error => end(`${url}: ${error.message}`))
      if (statusCode !== 200) return end(`${url} answered ${statusCode}`)
      body.on('data', (chunk: Buffer) => {
        heardAt = clock.now()
        splitter.feed(chunk)
      })
      body.on('end', () => end(`${url} ended the stream`))
    })
    .catch((error: Error) => end(`${url}: ${sentenceOf(error)}`))
  return stop
}
