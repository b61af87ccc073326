import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { ReportHello } from '../protocol/report.ts'
import type { Log } from '../runtime/log.ts'
import type { Taken } from './live/window.ts'

/** What happens in the collector, by name: each event is a metric, a log line, or both. */
export interface CollectorEvents {
  registry: Registry
  reports: ReportEvents
  live: LiveEvents
}

export interface ReportEvents {
  streamOpened(hello: ReportHello): void
  streamEnded(hello: ReportHello, reason: string): void
  streamRefused(reason: string): void
  lineMerged(taken: Extract<Taken, { status: 'merged' }>): void
  lineSeenTwice(): void
  lineInvalid(instance: string, reason: string): void
  reporterRestarted(instance: string): void
}

export interface LiveEvents {
  readerJoined(address: string): void
  readerCut(reason: string): void
  /** Asked at each scrape. */
  watch(gauges: { reporting: () => number; keys: () => number; readers: () => number }): void
}

export function collectorEvents(log: Log): CollectorEvents {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return { registry, reports: reportEvents(registry, log), live: liveEvents(registry, log) }
}

function counter<L extends string>(registry: Registry, name: string, help: string, labelNames: readonly L[] = []) {
  return new Counter({ name: `trimtab_collector_${name}`, help, labelNames, registers: [registry] })
}

function gauge(registry: Registry, name: string, help: string, read: () => number) {
  return new Gauge({
    name: `trimtab_collector_${name}`,
    help,
    registers: [registry],
    collect() {
      this.set(read())
    },
  })
}

function reportEvents(registry: Registry, log: Log): ReportEvents {
  const lines = counter(registry, 'report_lines_total', 'Lines of traffic reports, by what became of them', ['outcome'])
  const rows = counter(registry, 'report_rows_total', 'Rows of traffic reports, by what became of them', ['outcome'])
  const missed = counter(registry, 'report_lines_missed_total', 'Lines that a gap in the sequence shows to be lost')
  const streams = counter(registry, 'report_streams_total', 'Report streams, by how they began', ['outcome'])
  return {
    streamOpened(hello) {
      streams.inc({ outcome: 'opened' })
      log.info({ instance: hello.instance, service: hello.service, version: hello.serviceVersion }, 'proxy reports')
    },
    streamEnded(hello, reason) {
      log.info({ instance: hello.instance, service: hello.service }, `report stream ended: ${reason}`)
    },
    streamRefused(reason) {
      streams.inc({ outcome: 'refused' })
      log.warn(`report stream refused: ${reason}`)
    },
    lineMerged({ rows: all, missedLines, droppedRows }) {
      lines.inc({ outcome: 'merged' })
      if (missedLines > 0) missed.inc(missedLines)
      let dropped = 0
      for (const [reason, count] of Object.entries(droppedRows)) {
        if (count > 0) rows.inc({ outcome: reason }, count)
        dropped += count
      }
      rows.inc({ outcome: 'merged' }, all - dropped)
    },
    lineSeenTwice() {
      lines.inc({ outcome: 'seen-twice' })
    },
    lineInvalid(instance, reason) {
      lines.inc({ outcome: 'invalid' })
      log.warn({ instance }, `unreadable report line left out: ${reason}`)
    },
    reporterRestarted(instance) {
      log.info({ instance }, 'proxy counts its lines anew: it was restarted')
    },
  }
}

function liveEvents(registry: Registry, log: Log): LiveEvents {
  const cut = counter(registry, 'live_readers_cut_total', 'Readers of the live stream that fell too far behind')
  return {
    readerJoined(address) {
      log.info({ address }, 'live stream is read')
    },
    readerCut(reason) {
      cut.inc()
      log.warn(`reader of the live stream cut: ${reason}`)
    },
    watch({ reporting, keys, readers }) {
      gauge(registry, 'reporters', 'Proxies with an open report stream', reporting)
      gauge(registry, 'traffic_keys', 'Distinct keys of live traffic', keys)
      gauge(registry, 'live_readers', 'Readers of the live stream', readers)
    },
  }
}
