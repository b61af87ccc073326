import type { Clock } from '../../runtime/clock.ts'
import { Agent, request } from '../../runtime/http-client.ts'
import { shortText } from '../../runtime/short-text.ts'
import { sentenceOf } from '../../runtime/tls-faults.ts'
import { lineFeed } from './line-feed.ts'
import type { Receiver } from './receiver.ts'

/** One POST /v1/reports, from its opening until the collector refuses it, the connection breaks, or we leave. */
export interface ReportStream {
  /** A line may be there. */
  wake(): void
  /** When it last took a line; before the first, when it was opened. Monotonic ms. */
  readonly takenMs: number
  /** It takes lines and has for a while not been refused: a collector answers only to refuse, or at the end. */
  readonly heard: boolean
  /** Settles when it is over, with the reason in words. */
  readonly over: Promise<string>
  /** Breaks it off. */
  giveUp(why: string): void
  /** Ends it in peace, without another line. */
  leave(): void
  /** Sends the lines that are there, and ends it, within this time. */
  close(withinMs: number): Promise<void>
}

const CONNECT_MS = 2000
const HEARD_AFTER_MS = 1000
/** How long a stream that we ended may take to be over. */
export const PARTING_MS = 500
const REASON_BYTES_MAX = 300

/**
 * Opens a stream to the collector; `take` gives the next line, or undefined when there is none now. `proof` is asked once, for what proves
 * who reports where TLS does not; undefined: nothing does.
 */
export function openReportStream(
  { url, connector }: Receiver,
  clock: Clock,
  take: () => string | undefined,
  proof: () => Promise<string | undefined>,
): ReportStream {
  const agent = new Agent({
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: connector ?? { timeout: CONNECT_MS },
    pipelining: 0,
  })
  const breakOff = new AbortController()
  let takenMs = clock.now()
  let firstTakenMs: number | undefined
  const feed = lineFeed(() => {
    const line = take()
    if (line === undefined) return undefined
    takenMs = clock.now()
    firstTakenMs ??= takenMs
    return line
  })
  const proven = connector === undefined ? proof : nothing
  const over = post(new URL('/v1/reports', url), agent, feed, breakOff.signal, proven).finally(() => feed.cut())
  const part = async (withinMs: number): Promise<void> => {
    let cancel = () => {}
    const late = new Promise<void>(resolve => {
      cancel = clock.after(withinMs, resolve)
    })
    await Promise.race([over, late])
    cancel()
    await agent.destroy()
  }
  return {
    over,
    wake: feed.wake,
    get takenMs() {
      return takenMs
    },
    get heard() {
      return firstTakenMs !== undefined && clock.now() - firstTakenMs >= HEARD_AFTER_MS
    },
    giveUp: why => breakOff.abort(new Error(why)),
    leave() {
      feed.cut()
      void part(PARTING_MS)
    },
    close(withinMs) {
      feed.end()
      return part(withinMs)
    },
  }
}

async function nothing(): Promise<undefined> {}

async function post(
  url: URL,
  dispatcher: Agent,
  body: AsyncIterable<string>,
  signal: AbortSignal,
  proof: () => Promise<string | undefined>,
): Promise<string> {
  try {
    const proven = await proof()
    const answer = await request(url, {
      method: 'POST',
      // undici takes any async iterable; its types know only Node's streams.
      body: body as unknown as Uint8Array,
      dispatcher,
      signal,
      headers: {
        'content-type': 'application/x-ndjson',
        b3: '0',
        ...(proven === undefined ? {} : { authorization: `Bearer ${proven}` }),
      },
    })
    return `the collector answered ${answer.statusCode}: ${await shortText(answer.body, REASON_BYTES_MAX)}`
  } catch (error) {
    return sentenceOf(error as Error)
  }
}
