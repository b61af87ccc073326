import { randomFillSync } from 'node:crypto'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { ProxySettings } from './config.ts'
import type { Stage } from './exchange.ts'
import type { Self } from './identity.ts'
import { type AccessLog, accessLog, noAccessLog } from './observe/access-log.ts'
import { createConnectionObserver } from './observe/connection-observer.ts'
import { randomIds } from './observe/ids.ts'
import { createObserver } from './observe/observer.ts'
import { spanWriter } from './observe/span.ts'
import { type SpanShipper, spanShipper } from './observe/span-shipper.ts'
import type { TraceCounters } from './observe/trace.ts'
import { createTraffic, type Traffic } from './observe/traffic.ts'
import type { PolicyInForce } from './route/policy.ts'
import type { TcpStage } from './tcp/connection.ts'

/** What is kept of every request: its span, its row in the traffic, its line in the log. */
export interface Observation {
  /** The outermost stage of every way in: one span and one row for whatever comes back, however it ends. */
  observed(next: Stage): Stage
  /** The same of TCP connections: a row and a line. */
  observedConnections(next: TcpStage): TcpStage
  readonly traffic: Traffic
  readonly spans: SpanShipper
  readonly traceCounters: TraceCounters
  readonly accessLog: AccessLog
  /** Where requests come in, once that is known: spans say it. */
  listensAt(address: string): void
  close(): Promise<void>
}

const SPANS_GRACE_MS = 1000

export function observation(
  self: Self,
  settings: ProxySettings,
  policy: PolicyInForce,
  { clock, random, log }: { clock: Clock; random: () => number; log: Log },
): Observation {
  const traffic = createTraffic({ source: self.service, wall: clock.wall })
  const spans = spanShipper({ clock, random, log })
  const requestLog =
    settings.accessLog === 'off' ? noAccessLog : accessLog(settings.accessLog, settings.accessLogFile, clock)
  const traceCounters = { continued: 0, started: 0, malformed: 0, disagreed: 0 }
  const untold = { sample: settings.sample, sharedSpanContext: false, outsideContext: 'continue' as const }
  let address = ''
  let writer = spanWriter({ ...self, address, sharedSpanContext: false })
  const writeAnew = () => {
    const { sharedSpanContext } = policy.current.telemetry ?? untold
    writer = spanWriter({ ...self, address, sharedSpanContext })
  }
  policy.onReplace(writeAnew)
  const observing = {
    source: self.service,
    trace: () => policy.current.telemetry ?? untold,
    ids: randomIds(randomFillSync, clock.wall),
    traceCounters,
    traffic,
    spans,
    writer: () => writer,
    accessLog: requestLog,
  }
  return {
    observed: next => createObserver({ ...observing, next }),
    observedConnections: next =>
      createConnectionObserver({
        source: self.service,
        traffic: traffic.connections,
        accessLog: requestLog,
        next,
      }),
    traffic,
    spans,
    traceCounters,
    accessLog: requestLog,
    listensAt(taken) {
      address = taken
      writeAnew()
    },
    async close() {
      await Promise.all([spans.close(SPANS_GRACE_MS), requestLog.close()])
    },
  }
}
