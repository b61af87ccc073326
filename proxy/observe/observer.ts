// Hot path: the outermost stage; sees every request, however it ends.
import type { Attempt, Exchange, Outcome, Stage } from '../exchange.ts'
import type { AccessLog } from './access-log.ts'
import type { Ids } from './ids.ts'
import type { SpanWriter } from './span.ts'
import type { SpanBatch } from './span-batch.ts'
import { placeInTrace, type TraceCounters, type TraceSettings } from './trace.ts'
import type { Traffic } from './traffic.ts'

export interface ObserverParts {
  /** Who calls through this proxy: its own service, or the gateway. Of inbound requests nobody has proven it. */
  source: string
  /** Read at each request: the policy may change them. */
  trace: () => TraceSettings
  ids: Ids
  traceCounters: TraceCounters
  traffic: Traffic
  spans: { batch(): SpanBatch | undefined }
  /** Read at each span: the listener's address is known once it listens. */
  writer: () => SpanWriter
  accessLog: AccessLog
  next: Stage
}

/** Gives each request its span and its row, whatever comes back: an answer, a proxy-made answer, or a client that left. */
export function createObserver(parts: ObserverParts): Stage {
  const { source, ids, traceCounters, traffic, spans, accessLog, next } = parts

  const onAttempt = (exchange: Exchange, attempt: Attempt): void => traffic.attemptOver(exchange, attempt)
  const onOver = (exchange: Exchange, outcome: Outcome): void => {
    traffic.requestOver(exchange, outcome)
    const batch = exchange.sampled ? spans.batch() : undefined
    if (batch !== undefined) parts.writer().write(exchange, outcome, batch)
    accessLog.write(exchange, outcome)
  }
  return exchange => {
    if (exchange.direction !== 'inbound') exchange.source = source
    traffic.requestStarted(exchange)
    exchange.onAttempt = onAttempt
    exchange.onOver = onOver
    placeInTrace(exchange, parts.trace(), ids, traceCounters)
    if (exchange.direction === 'gateway') exchange.answerFields = ['x-trimtab-trace-id', exchange.traceId]
    next(exchange)
  }
}
