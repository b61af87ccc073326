import type { ReportHello } from '../protocol/report.ts'
import type { Log } from '../runtime/log.ts'
import type { Taken } from './live/window.ts'
import type { Metrics } from './metrics.ts'

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
  /** A key beyond those that are stored: its row is left out of storage, not of the live stream. */
  rollupOverflow(): void
  /** Asked at each scrape. */
  watch(gauges: { reporting: () => number; keys: () => number; readers: () => number }): void
}

export function reportEvents(metrics: Metrics, log: Log): ReportEvents {
  const lines = metrics.counter('report_lines_total', 'Lines of traffic reports, by what became of them', ['outcome'])
  const rows = metrics.counter('report_rows_total', 'Rows of traffic reports, by what became of them', ['outcome'])
  const missed = metrics.counter('report_lines_missed_total', 'Lines that a gap in the sequence shows to be lost')
  const streams = metrics.counter('report_streams_total', 'Report streams, by how they began', ['outcome'])
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

export function liveEvents(metrics: Metrics, log: Log): LiveEvents {
  const cut = metrics.counter('live_readers_cut_total', 'Readers of the live stream that fell too far behind')
  const overflow = metrics.counter(
    'rollup_rows_dropped_total',
    'Rows of live traffic left out of storage for want of room',
  )
  return {
    rollupOverflow: () => overflow.inc(),
    readerJoined(address) {
      log.info({ address }, 'live stream is read')
    },
    readerCut(reason) {
      cut.inc()
      log.warn(`reader of the live stream cut: ${reason}`)
    },
    watch({ reporting, keys, readers }) {
      metrics.gauge('reporters', 'Proxies with an open report stream', reporting)
      metrics.gauge('traffic_keys', 'Distinct keys of live traffic', keys)
      metrics.gauge('live_readers', 'Readers of the live stream', readers)
    },
  }
}
