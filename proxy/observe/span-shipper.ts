import type { Clock } from '../../runtime/clock.ts'
import { request } from '../../runtime/http-client.ts'
import type { Log } from '../../runtime/log.ts'
import { sentenceOf } from '../../runtime/tls-faults.ts'
import { type Receiver, renewableAgent, sameReceiver } from './receiver.ts'
import { SpanBatch } from './span-batch.ts'

/** Sends finished spans in batches to a Zipkin v2 URL. Never holds up a request: what does not fit is dropped and counted. */
export interface SpanShipper {
  /** What the next span is to be written into, at once and whole. undefined: nobody wants it, or there is no room, which was counted. */
  batch(): SpanBatch | undefined
  /** Where to; undefined: spans are dropped silently, there is nobody who wants them. */
  target(receiver: Receiver | undefined): void
  /** Sends over a new connection from now on: what is proved by ours has changed. */
  reconnect(): void
  readonly counters: SpanCounters
  /** Spans that nobody has acknowledged yet, those on their way included. */
  readonly queued: number
  readonly problem: string
  /** Sends what is left, for at most `graceMs`. */
  close(graceMs: number): Promise<void>
}

export interface SpanCounters {
  added: number
  sent: number
  droppedFull: number
  droppedRefused: number
  failures: number
}

const BATCH_SPANS = 1000
const FLUSH_MS = 200
/** About 30 MB: a minute and more of a busy sidecar's spans while the collector is away. */
const QUEUE_SPANS_MAX = 50_000
const BACKOFF_MAX_MS = 5000

export function spanShipper({ clock, random, log }: { clock: Clock; random: () => number; log: Log }): SpanShipper {
  const agent = renewableAgent({ connections: 2, pipelining: 1, headersTimeout: 10_000, bodyTimeout: 10_000 }, 2000)
  const counters: SpanCounters = { added: 0, sent: 0, droppedFull: 0, droppedRefused: 0, failures: 0 }
  let receiver: Receiver | undefined
  let url: string | undefined
  let queue: SpanBatch[] = []
  /**
   * The last batch that was sent, for the next one: new memory for each would bring on a collection of all garbage every few seconds, and
   * requests would wait for it. Whoever answered 2xx has read its body.
   */
  let spare: SpanBatch | undefined
  /** The last of the queue, while it takes more. */
  let open: SpanBatch | undefined
  let queued = 0
  let sending: Promise<void> | undefined
  let failuresInRow = 0
  let notBeforeMs = 0
  let problem = ''

  const post = async (batch: SpanBatch): Promise<'sent' | 'again' | 'refused'> => {
    const answer = await request(url!, {
      method: 'POST',
      dispatcher: agent.current,
      headers: { 'content-type': 'application/json', b3: '0' },
      body: batch.body(),
    })
    await answer.body.dump()
    if (answer.statusCode < 300) return 'sent'
    problem = `${url} answered ${answer.statusCode}`
    return answer.statusCode === 429 || answer.statusCode >= 500 ? 'again' : 'refused'
  }

  /** Sends the first batch; it stays in its place until somebody has taken it. */
  const sendFirst = async (): Promise<void> => {
    const batch = queue[0]!
    if (batch === open) open = undefined
    let result: 'sent' | 'again' | 'refused'
    try {
      result = await post(batch)
    } catch (error) {
      problem = `${url} cannot be reached: ${sentenceOf(error as Error)}`
      result = 'again'
    }
    if (result === 'again') {
      waitBeforeNext()
      return
    }
    if (result === 'refused') counters.droppedRefused += batch.spans
    else {
      counters.sent += batch.spans
      if (failuresInRow > 0) log.info(`spans go out again to ${url}`)
      failuresInRow = 0
      problem = ''
    }
    // Meanwhile the target may have gone, and the queue with it.
    if (queue[0] !== batch) return
    queue.shift()
    queued -= batch.spans
    if (result !== 'sent') return
    batch.clear()
    spare = batch
  }

  const waitBeforeNext = (): void => {
    counters.failures++
    if (failuresInRow++ === 0)
      log.warn(`spans wait: ${problem}; up to ${QUEUE_SPANS_MAX} are kept, then dropped and counted`)
    notBeforeMs = clock.now() + Math.min(BACKOFF_MAX_MS, FLUSH_MS * 2 ** failuresInRow) * (0.5 + random() / 2)
  }

  const drain = async (): Promise<void> => {
    while (queue.length > 0 && url !== undefined && clock.now() >= notBeforeMs) await sendFirst()
    sending = undefined
  }
  const flush = () => {
    if (queue.length > 0 && url !== undefined && sending === undefined && clock.now() >= notBeforeMs) sending = drain()
  }
  const stop = clock.every(FLUSH_MS, flush)

  return {
    counters,
    get queued() {
      return queued
    },
    get problem() {
      return problem
    },
    batch() {
      if (url === undefined) return undefined
      counters.added++
      if (queued >= QUEUE_SPANS_MAX) {
        counters.droppedFull++
        return undefined
      }
      if (open !== undefined && open.spans >= BATCH_SPANS) {
        open = undefined
        flush()
      }
      if (open === undefined) {
        open = spare ?? new SpanBatch()
        spare = undefined
        queue.push(open)
      }
      queued++
      return open
    },
    target(next) {
      if (sameReceiver(next, receiver)) return
      agent.renew(next?.connector)
      receiver = next
      url = next?.url
      notBeforeMs = 0
      if (url !== undefined) return
      queue = []
      open = undefined
      queued = 0
    },
    reconnect() {
      if (receiver?.connector === undefined) return
      agent.renew(receiver.connector)
      notBeforeMs = 0
    },
    async close(graceMs) {
      stop()
      flush()
      let cancel = () => {}
      const deadline = new Promise<void>(resolve => {
        cancel = clock.after(graceMs, resolve)
      })
      await Promise.race([sending ?? Promise.resolve(), deadline])
      cancel()
      await agent.destroy()
    },
  }
}
