import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { type LiveEvents, liveEvents, type ReportEvents, reportEvents } from './events-live.ts'
import { type PortEvents, portEvents } from './events-port.ts'
import { type ReceiveEvents, receiveEvents } from './events-receive.ts'
import { type ShipEvents, shipEvents } from './events-ship.ts'
import { metricsIn } from './metrics.ts'

/** What happens in the collector, by name: each event is a metric, a log line, or both. */
export interface CollectorEvents {
  registry: Registry
  reports: ReportEvents
  live: LiveEvents
  port: PortEvents
  receive: ReceiveEvents
  ship: ShipEvents
}

export function collectorEvents(log: Log, clock: Clock): CollectorEvents {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const metrics = metricsIn(registry)
  return {
    registry,
    reports: reportEvents(metrics, log),
    live: liveEvents(metrics, log),
    port: portEvents(metrics, log),
    receive: receiveEvents(metrics, log, clock),
    ship: shipEvents(metrics, log),
  }
}
