import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Metrics } from './metrics.ts'
import type { Signal } from './ship/log/record.ts'

/** By which way something came in. */
export type Receiver = 'zipkin' | 'decisions' | 'live'

/**
 * The receivers' side of the ledger: received = accepted + rejected + refused.
 * accepted: durable in the log. rejected: its content is at fault. refused: no room now, the sender was told to try again.
 */
export interface ReceiveEvents {
  received(receiver: Receiver, signal: Signal, count: number): void
  accepted(receiver: Receiver, signal: Signal, count: number): void
  /** `field`: which part of the item is at fault; from a small set. */
  rejected(receiver: Receiver, signal: Signal, field: string, example: string): void
  refused(receiver: Receiver, signal: Signal, count: number, reason: string): void
  /** A request that was answered without reading its items. */
  requestRefused(receiver: Receiver, code: number, reason: string): void
  quarantined(count: number): void
  notQuarantined(count: number, reason: string): void
  watch(gauges: { heldBytes: () => number; recentTraces: () => number; recentBytes: () => number }): void
}

/** What a bad sender repeats a thousand times a second is logged this often, with its count. */
const LOG_EVERY_MS = 10_000

export function receiveEvents(metrics: Metrics, log: Log, clock: Clock): ReceiveEvents {
  const labels = ['receiver', 'signal'] as const
  const received = metrics.counter('received_total', 'Items read from requests', labels)
  const accepted = metrics.counter('accepted_total', 'Items that are durable in the segment log', labels)
  const rejected = metrics.counter('rejected_total', 'Items whose content is at fault', [...labels, 'field'])
  const refused = metrics.counter('refused_total', 'Items refused for want of room; the sender tries again', labels)
  const requests = metrics.counter('requests_refused_total', 'Requests answered without reading their items', [
    'receiver',
    'code',
  ])
  const quarantine = metrics.counter('quarantined_total', 'Bad items, by whether they could be kept in quarantine', [
    'outcome',
  ])
  const seldom = seldomLogged(clock)
  return {
    received: (receiver, signal, count) => received.inc({ receiver, signal }, count),
    accepted: (receiver, signal, count) => accepted.inc({ receiver, signal }, count),
    rejected(receiver, signal, field, example) {
      rejected.inc({ receiver, signal, field })
      seldom(`rejected ${receiver}`, times => log.warn({ receiver, times }, `${signal} left out: ${example}`))
    },
    refused(receiver, signal, count, reason) {
      refused.inc({ receiver, signal }, count)
      seldom(`refused ${receiver}`, times => log.error({ receiver, times }, `${signal}s refused: ${reason}`))
    },
    requestRefused(receiver, code, reason) {
      requests.inc({ receiver, code })
      seldom(`request ${receiver} ${code}`, times => log.warn({ receiver, code, times }, `request refused: ${reason}`))
    },
    quarantined: count => quarantine.inc({ outcome: 'kept' }, count),
    notQuarantined(count, reason) {
      quarantine.inc({ outcome: 'dropped' }, count)
      seldom('quarantine', times => log.warn({ times }, `bad items could not be kept in quarantine: ${reason}`))
    },
    watch({ heldBytes, recentTraces, recentBytes }) {
      metrics.gauge('held_bytes', 'Bodies and unsynced records held in memory', heldBytes)
      metrics.gauge('recent_traces', 'Traces in the recent window', recentTraces)
      metrics.gauge('recent_bytes', 'Memory of the recent window', recentBytes)
    },
  }
}

/** Calls `write` at most every ten seconds per subject, with how often it was asked to since. Subjects are few. */
function seldomLogged(clock: Clock): (subject: string, write: (times: number) => void) => void {
  const subjects = new Map<string, { times: number; writtenAt: number }>()
  return (subject, write) => {
    const known = subjects.get(subject) ?? { times: 0, writtenAt: Number.NEGATIVE_INFINITY }
    subjects.set(subject, known)
    known.times += 1
    if (clock.now() - known.writtenAt < LOG_EVERY_MS) return
    write(known.times)
    known.times = 0
    known.writtenAt = clock.now()
  }
}
