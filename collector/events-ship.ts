import type { Log } from '../runtime/log.ts'
import type { Metrics } from './metrics.ts'
import type { RefusedItem } from './ship/destination.ts'
import type { Items } from './ship/log/segments.ts'

export interface LogEvents {
  recovered(segments: number, tornBytes: number): void
  synced(bytes: number, records: number, tookMs: number): void
  writeFailed(reason: string): void
  writesAgain(): void
  notDeleted(segment: number, reason: string): void
  watch(bytes: () => number): void
}

/** A shipper's side of the ledger: taken = shipped + rejected + lost + queued. */
export interface ShipperEvents {
  /** What lay in the log for it when it began. */
  began(backlog: Items): void
  shipped(items: Items, refused: readonly RefusedItem[], tookMs: number): void
  failing(reason: string): void
  recovered(): void
  retried(): void
  /** What was acknowledged and cannot be read any more. */
  lost(items: Items, at: string): void
  cursorNotSaved(reason: string): void
}

export interface EngineEvents {
  opened(version: string): void
  ended(how: string, pauseMs: number): void
  failed(reason: string): void
  resident(bytes: number): void
}

export interface StorageEvents {
  ready(database: string): void
  notReady(reason: string): void
}

export interface ShipEvents {
  log: LogEvents
  engine: EngineEvents
  storage: StorageEvents
  /** The events of one shipper, whose metrics carry its name. */
  shipper(name: string, signals: readonly string[]): ShipperEvents
  /** Every accepted item is every shipper's to take. */
  accepted(signal: keyof Items, count: number): void
  watchQueues(queues: () => { name: string; queued: Items; signals: readonly string[] }[]): void
  absent(reason: string): void
}

export function shipEvents(metrics: Metrics, log: Log): ShipEvents {
  const ledger = shipperLedger(metrics)
  const shippers: { name: string; signals: readonly string[] }[] = []
  return {
    log: logEvents(metrics, log),
    engine: engineEvents(metrics, log),
    storage: {
      ready: database => log.info({ database }, 'ClickHouse is ready: its tables are there'),
      notReady: reason => log.warn(`ClickHouse is not ready, what is stored waits in the log: ${reason}`),
    },
    shipper(name, signals) {
      shippers.push({ name, signals })
      return shipperEvents(ledger, log, name, signals)
    },
    accepted(signal, count) {
      for (const { name, signals } of shippers)
        if (signals.includes(signal)) ledger.taken.inc({ shipper: name, signal }, count)
    },
    watchQueues(queues) {
      metrics.gauges('shipper_queued', 'Items in the log that are not shipped yet', ['shipper', 'signal'], () =>
        queues().flatMap(({ name, queued, signals }) =>
          Object.entries(queued)
            .filter(([signal]) => signals.includes(signal))
            .map(([signal, value]) => ({ labels: { shipper: name, signal }, value })),
        ),
      )
    },
    absent: reason => log.error(`runs without storage, only the recent window answers queries: ${reason}`),
  }
}

function shipperLedger(metrics: Metrics) {
  const labels = ['shipper', 'signal'] as const
  return {
    taken: metrics.counter(
      'shipper_taken_total',
      'Items in the log for a shipper, found at start and accepted',
      labels,
    ),
    shipped: metrics.counter('shipper_shipped_total', 'Items that the destination has', labels),
    rejected: metrics.counter('shipper_rejected_total', 'Items that the destination refused for their content', labels),
    lost: metrics.counter('shipper_lost_total', 'Acknowledged items whose segment is damaged', labels),
    retries: metrics.counter('shipper_retries_total', 'Batches that had to be sent again', ['shipper']),
    seconds: metrics.counter('shipper_busy_seconds_total', 'Time spent in shipping', ['shipper']),
  }
}

function shipperEvents(
  ledger: ReturnType<typeof shipperLedger>,
  log: Log,
  shipper: string,
  signals: readonly string[],
): ShipperEvents {
  const mine = (items: Items) =>
    Object.entries(items).filter(([signal, count]) => signals.includes(signal) && count > 0)
  return {
    began(backlog) {
      for (const [signal, count] of mine(backlog)) ledger.taken.inc({ shipper, signal }, count)
      log.info({ shipper, backlog }, 'shipper begins')
    },
    shipped(items, refused, tookMs) {
      for (const [signal, count] of mine(items)) {
        const bad = refused.filter(item => item.signal === signal).length
        ledger.shipped.inc({ shipper, signal }, count - bad)
        if (bad > 0) ledger.rejected.inc({ shipper, signal }, bad)
      }
      ledger.seconds.inc({ shipper }, tookMs / 1000)
      if (refused.length > 0)
        log.warn(
          { shipper, items: refused.length },
          `refused for their content, kept in quarantine: ${refused[0]!.reason}`,
        )
    },
    failing: reason => log.warn({ shipper }, `cannot ship, tries again, nothing is lost: ${reason}`),
    recovered: () => log.info({ shipper }, 'ships again'),
    retried: () => ledger.retries.inc({ shipper }),
    lost(items, at) {
      for (const [signal, count] of mine(items)) ledger.lost.inc({ shipper, signal }, count)
      log.error(
        { shipper, items, at },
        'the segment log is damaged from here to the end of the segment: its items are lost',
      )
    },
    cursorNotSaved: reason =>
      log.warn({ shipper }, `its place in the log could not be saved, a crash now would send a batch twice: ${reason}`),
  }
}

function logEvents(metrics: Metrics, log: Log): LogEvents {
  const torn = metrics.counter('log_torn_bytes_total', 'Unacknowledged bytes cut off the log at start')
  const bytesSynced = metrics.counter('log_synced_bytes_total', 'Bytes written and synced')
  const records = metrics.counter('log_synced_records_total', 'Records written and synced')
  const failures = metrics.counter('log_write_failures_total', 'Times that the disk began to refuse writes')
  const seconds = metrics.histogram(
    'log_commit_seconds',
    'Duration of a group commit: one write and one fdatasync',
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
  )
  return {
    recovered(segments, tornBytes) {
      torn.inc(tornBytes)
      if (segments > 0 || tornBytes > 0) log.info({ segments, tornBytes }, 'segment log opened with what was left')
    },
    synced(bytes, count, tookMs) {
      bytesSynced.inc(bytes)
      records.inc(count)
      seconds.observe(tookMs / 1000)
    },
    writeFailed(reason) {
      failures.inc()
      log.error(`the segment log cannot be written, new data is refused until it can: ${reason}`)
    },
    writesAgain: () => log.info('the segment log is written again'),
    notDeleted: (segment, reason) => log.warn({ segment }, `a shipped segment could not be deleted: ${reason}`),
    watch: bytes => metrics.gauge('log_bytes', 'Size of the segment log', bytes),
  }
}

function engineEvents(metrics: Metrics, log: Log): EngineEvents {
  const ends = metrics.counter('engine_ends_total', 'Times that the embedded ClickHouse ended unasked')
  let residentBytes = 0
  metrics.gauge(
    'engine_resident_bytes',
    'Memory of the embedded ClickHouse, as it told with its last answer',
    () => residentBytes,
  )
  return {
    opened: version => log.info({ version }, 'embedded ClickHouse is open'),
    ended(how, pauseMs) {
      ends.inc()
      log.warn(`embedded ClickHouse ended (${how}): begins anew in ${Math.round(pauseMs)} ms`)
    },
    failed: reason => log.error(`embedded ClickHouse: ${reason}`),
    resident(bytes) {
      residentBytes = bytes
    },
  }
}
