import { Client } from 'undici'
import type { Decision } from '../../protocol/decision.ts'
import type { Clock } from '../../runtime/clock.ts'
import { sentenceOf } from '../../runtime/tls-faults.ts'
import type { CollectorConnect } from '../to-collector.ts'

export interface ShipperParts {
  clock: Clock
  random: () => number
  /** Decisions with a higher id, oldest first. */
  decisionsAfter(id: number, limit: number): Decision[]
  /** Where shipping goes on from; kept over a restart by whoever writes the state. */
  shippedTo: number
  /** What proves to the collector that control sends; undefined: control has no certificate now. */
  proof(): Promise<string | undefined>
  connect: CollectorConnect
  events: {
    decisionsShipped(count: number): void
    decisionsNotShipped(reason: string): void
    decisionsUnshippable(count: number, reason: string): void
  }
}

/** Sends the log of decisions to the collector, which keeps a copy to be asked. At least once: the collector tells by the id. */
export interface DecisionShipper {
  /** There may be something new. */
  kick(): void
  /** The highest id that needs no more sending. */
  readonly shippedTo: number
  close(): void
}

/** The queue is the log itself, which is bounded; a batch stays far below the collector's body limit. */
const BATCH_MAX = 200
const BACKOFF_BASE_MS = 250
const BACKOFF_MAX_MS = 30_000
const ANSWER_WITHIN_MS = 10_000

export function decisionShipper(collectorUrl: string, parts: ShipperParts): DecisionShipper {
  const { clock, random, events } = parts
  const url = new URL(`${collectorUrl.replace(/\/$/, '')}/v1/decisions`)
  const client = new Client(url.origin, {
    headersTimeout: ANSWER_WITHIN_MS,
    bodyTimeout: ANSWER_WITHIN_MS,
    connect: parts.connect(collectorUrl, ANSWER_WITHIN_MS),
  })
  let shippedTo = parts.shippedTo
  let busy = false
  let closed = false
  let failures = 0
  let cancelRetry = () => {}

  const send = async (batch: readonly Decision[]): Promise<Sent> => {
    const body = batch.map(decision => `${JSON.stringify(decision)}\n`).join('')
    try {
      const proof = await parts.proof()
      const headers = {
        'content-type': 'application/x-ndjson',
        ...(proof === undefined ? {} : { authorization: `Bearer ${proof}` }),
      }
      const answer = await client.request({ path: url.pathname, method: 'POST', headers, body })
      await answer.body.dump()
      return outcomeOf(answer.statusCode, url)
    } catch (error) {
      return { status: 'retryable', reason: `${url}: ${sentenceOf(error as Error)}` }
    }
  }
  const run = async () => {
    for (;;) {
      const batch = parts.decisionsAfter(shippedTo, BATCH_MAX)
      if (batch.length === 0 || closed) return
      const sent = await send(batch)
      if (closed) return
      if (sent.status === 'retryable') {
        if (failures === 0) events.decisionsNotShipped(sent.reason)
        const ceilingMs = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** failures++)
        cancelRetry = clock.after(ceilingMs * (0.5 + random() / 2), kick)
        return
      }
      failures = 0
      shippedTo = batch.at(-1)!.id
      if (sent.status === 'done') events.decisionsShipped(batch.length)
      else events.decisionsUnshippable(batch.length, sent.reason)
    }
  }
  const kick = () => {
    if (busy || closed) return
    cancelRetry()
    busy = true
    run().finally(() => {
      busy = false
    })
  }
  return {
    kick,
    get shippedTo() {
      return shippedTo
    },
    close() {
      closed = true
      cancelRetry()
      client.destroy().catch(() => {})
    },
  }
}

type Sent = { status: 'done' } | { status: 'retryable'; reason: string } | { status: 'permanent'; reason: string }

/**
 * 401, 429 and 5xx may pass with time (the collector may not know our root yet); another refusal would come again for the same batch. A 404
 * is an older collector.
 */
function outcomeOf(statusCode: number, url: URL): Sent {
  if (statusCode >= 200 && statusCode < 300) return { status: 'done' }
  const reason = `${url} answered ${statusCode}`
  const mayPass =
    statusCode === 401 || statusCode === 404 || statusCode === 408 || statusCode === 429 || statusCode >= 500
  return { status: mayPass ? 'retryable' : 'permanent', reason }
}
