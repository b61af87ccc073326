// Hot path: plain fields and typed arrays, added to once per request and once per attempt.

import type { ReportKey, ReportRow } from '../../protocol/report.ts'
import { bucketOf, SKETCH_BUCKETS, sparse } from '../../protocol/sketch.ts'
import type { Attempt, Exchange, Outcome } from '../exchange.ts'
import { type ErrorClass, errorClassOf, type Failure } from '../failures.ts'
import { countedStatus, GRPC_STATUS_NAMES } from '../grpc.ts'
import { Roster } from '../roster.ts'
import { type ConnectionTraffic, connectionTraffic, TCP_ROUTE } from './connection-traffic.ts'
import { boundOf, timeBoundsMs } from './time-bounds.ts'
import { WordTree } from './word-tree.ts'

/**
 * Counts what passes, in two shapes: rows of the current interval (for the traffic report, reset by each) and totals since the start (for
 * /metrics). Both are bounded: past the bound everything counts under one overflow key, which shows.
 */
export interface Traffic {
  requestStarted(exchange: Exchange): void
  attemptOver(exchange: Exchange, attempt: Attempt): void
  requestOver(exchange: Exchange, outcome: Outcome): void
  /** Of TCP: a connection counts as a request, from when it is known how it went. */
  readonly connections: ConnectionTraffic
  /** Rows of the interval that just ended, with the keys that were never announced; starts the next interval. */
  takeRows(isFused: (service: string, endpoint: string) => boolean | undefined): {
    rows: ReportRow[]
    keys: Record<string, ReportKey>
  }
  /** Every key that has been announced, for a new report stream that knows none yet. */
  announced(): Record<string, ReportKey>
  readonly totals: ReadonlyMap<string, Totals>
  readonly downstream: Totals
}

/** Since the start, of one upstream version (or of everything that came in). */
export interface Totals {
  service: string
  version: string
  requests: number
  active: number
  /** By status code - 100; index 500 counts answers outside 100..599 and none at all. */
  byStatus: Float64Array
  /** gRPC calls by status; the last one counts those that ended without one. */
  byGrpcStatus: Float64Array
  timeBuckets: Float64Array
  timeSumMs: number
  timeCount: number
  /** The last trace id per bucket and its value, for exemplars. */
  exemplars: (Exemplar | undefined)[]
  retries: number
  rescued: number
  timeouts: number
  resets: number
}

export interface Exemplar {
  traceId: string
  valueMs: number
  wallMs: number
}

const KEYS_MAX = 5000
const TRACES_PER_ROW = 4
const OVERFLOW = 'overflow'

class Row {
  readonly id: number
  readonly key: ReportKey
  announced = false
  touched = false
  requests = 0
  ok = 0
  http5xx = 0
  gateway = 0
  reset = 0
  timeout = 0
  clientErrors = 0
  retries = 0
  rescued = 0
  inFlight = 0
  readonly sketch = new Uint32Array(SKETCH_BUCKETS)
  traces: string[] = []
  idleIntervals = 0

  constructor(id: number, key: ReportKey) {
    this.id = id
    this.key = key
  }

  add(status: number, errors: ErrorClass | undefined, durationMs: number, traceId: string): void {
    this.touched = true
    this.requests++
    if (errors === undefined) {
      this.ok++
      if (status >= 400 && status < 500) this.clientErrors++
    } else {
      this[errors]++
      // A request that is tried again fails several times, as one trace.
      if (traceId !== '' && this.traces.length < TRACES_PER_ROW && !this.traces.includes(traceId))
        this.traces.push(traceId)
    }
    const bucket = bucketOf(durationMs * 1000)
    this.sketch[bucket] = this.sketch[bucket]! + 1
  }
}

export interface TrafficParts {
  source: string
  wall: () => number
}

export function createTraffic({ source, wall }: TrafficParts): Traffic {
  const rows = new Set<Row>()
  const rowsByKey = new WordTree<Row>()
  const totals = new Map<string, Totals>()
  const totalsByKey = new WordTree<Totals>()
  const downstream = newTotals('', '')
  /** Requests under way that rows count. */
  const underWay = new Roster<Exchange>()
  let ids = 0

  const rowOf = (upstream: string, version: string, endpoint: string, route: string): Row => {
    const known = rowsByKey.get(upstream, route, version, endpoint)
    if (known !== undefined) return known
    if (rows.size >= KEYS_MAX && !isOverflow(upstream, version + endpoint + route)) return rowOf(OVERFLOW, '', '', '')
    const row = new Row(ids++, { source, upstream, version, endpoint, route })
    rows.add(row)
    rowsByKey.add(row, upstream, route, version, endpoint)
    return row
  }
  const forget = (row: Row): void => {
    const { upstream, route, version, endpoint } = row.key
    rows.delete(row)
    rowsByKey.delete(upstream, route, version, endpoint)
  }
  const totalsOf = (service: string, version: string): Totals => {
    const known = totalsByKey.get(service, version)
    if (known !== undefined) return known
    if (totals.size >= KEYS_MAX && !isOverflow(service, version)) return totalsOf(OVERFLOW, '')
    const fresh = newTotals(service, version)
    totals.set(`${service}\n${version}`, fresh)
    totalsByKey.add(fresh, service, version)
    return fresh
  }
  const connections = connectionTraffic(rowOf)
  /** Looks once at every request under way, four times a second, rather than keeping count at both ends of each. */
  const countUnderWay = (): void => {
    underWay.forEach(({ service, version, firstVersion, endpointId, route }) => {
      if (service === '') return
      rowOf(service, firstVersion || version, '', route).inFlight++
      if (endpointId !== '') rowOf(service, version, endpointId, route).inFlight++
    })
    for (const { service, version, firstVersion, endpointId } of connections.open) {
      if (service === '') continue
      rowOf(service, firstVersion || version, '', TCP_ROUTE).inFlight++
      if (endpointId !== '') rowOf(service, version, endpointId, TCP_ROUTE).inFlight++
    }
  }

  return {
    totals,
    downstream,
    connections,
    requestStarted(exchange) {
      downstream.active++
      downstream.requests++
      if (exchange.direction !== 'inbound') underWay.add(exchange)
    },
    attemptOver(exchange, attempt) {
      if (exchange.direction === 'inbound' || callerLeft(attempt.failure)) return
      // The version that the split chose may have had nobody left: what counts is where the first attempt went.
      const mayBeRetried =
        !exchange.over && (attempt.failure !== undefined || attempt.status >= 400 || attempt.grpcStatus > 0)
      if (mayBeRetried && exchange.attempts <= 1) exchange.firstVersion = attempt.version
      const traceId = exchange.sampled ? exchange.traceId : ''
      const status = countedStatus(attempt.status, attempt.grpcStatus)
      rowOf(exchange.service, attempt.version, attempt.endpointId, exchange.route).add(
        status,
        errorClassOf(status, attempt.failure),
        attempt.durationMs,
        traceId,
      )
    },
    requestOver(exchange, outcome) {
      downstream.active--
      const traceId = exchange.sampled ? exchange.traceId : ''
      const wallMs = wall()
      addTo(downstream, exchange, outcome, traceId, wallMs)
      const version = exchange.firstVersion || exchange.version
      underWay.remove(exchange)
      if (exchange.service === '' || outcome.failure?.flag === 'NR') return
      addTo(totalsOf(exchange.service, version), exchange, outcome, traceId, wallMs)
      if (exchange.direction === 'inbound' || callerLeft(outcome.failure)) return
      const row = rowOf(exchange.service, version, '', exchange.route)
      const status = countedStatus(outcome.status, exchange.grpcStatus)
      row.add(status, errorClassOf(status, outcome.failure), outcome.durationMs, traceId)
      row.retries += Math.max(0, exchange.attempts - 1)
      if (exchange.rescued) row.rescued++
    },
    takeRows(isFused) {
      const taken: ReportRow[] = []
      const keys: Record<string, ReportKey> = {}
      countUnderWay()
      for (const row of rows) {
        const fused = row.key.endpoint === '' ? undefined : isFused(row.key.upstream, row.key.endpoint)
        if (!row.touched && row.inFlight === 0 && fused !== true) {
          if (++row.idleIntervals > IDLE_INTERVALS_MAX) forget(row)
          continue
        }
        if (!row.announced) keys[row.id] = row.key
        row.announced = true
        taken.push(takeRow(row, fused))
      }
      return { rows: taken, keys }
    },
    announced() {
      const keys: Record<string, ReportKey> = {}
      for (const row of rows) if (row.announced) keys[row.id] = row.key
      return keys
    },
  }
}

/** A row unused for ten minutes is forgotten, so that endpoints that came and went leave no trace in memory. */
const IDLE_INTERVALS_MAX = 2400

/** A client that hangs up says nothing about the upstream. */
function callerLeft(cause: Failure | undefined): boolean {
  return cause?.flag === 'DC' || cause?.flag === 'DPE' || cause?.flag === 'DT'
}

/** A service may have the overflow key's name; then only the key itself stands past the bound. */
function isOverflow(service: string, others: string): boolean {
  return service === OVERFLOW && others === ''
}

function takeRow(row: Row, fused: boolean | undefined): ReportRow {
  const taken: ReportRow = {
    key: row.id,
    requests: row.requests,
    ok: row.ok,
    errors: { http5xx: row.http5xx, gateway: row.gateway, reset: row.reset, timeout: row.timeout },
    clientErrors: row.clientErrors,
    retries: row.retries,
    rescued: row.rescued,
    inFlight: row.inFlight,
    sketch: row.requests === 0 ? [] : sparse(row.sketch),
  }
  if (fused !== undefined) taken.fused = fused
  if (row.traces.length > 0) taken.traces = row.traces
  row.touched = false
  row.idleIntervals = 0
  row.requests =
    row.ok =
    row.http5xx =
    row.gateway =
    row.reset =
    row.timeout =
    row.clientErrors =
    row.retries =
    row.rescued =
    row.inFlight =
      0
  row.sketch.fill(0)
  row.traces = []
  return taken
}

function newTotals(service: string, version: string): Totals {
  return {
    service,
    version,
    requests: 0,
    active: 0,
    byStatus: new Float64Array(501),
    byGrpcStatus: new Float64Array(GRPC_STATUS_NAMES.length + 1),
    timeBuckets: new Float64Array(timeBoundsMs.length + 1),
    timeSumMs: 0,
    timeCount: 0,
    exemplars: new Array(timeBoundsMs.length + 1).fill(undefined),
    retries: 0,
    rescued: 0,
    timeouts: 0,
    resets: 0,
  }
}

function addTo(totals: Totals, exchange: Exchange, outcome: Outcome, traceId: string, wallMs: number): void {
  if (totals.service !== '') totals.requests++
  const { status, durationMs } = outcome
  const index = status >= 100 && status < 600 ? status - 100 : 500
  totals.byStatus[index] = totals.byStatus[index]! + 1
  if (exchange.grpc) {
    const grpcStatus = exchange.grpcStatus < 0 ? GRPC_STATUS_NAMES.length : exchange.grpcStatus
    totals.byGrpcStatus[grpcStatus] = totals.byGrpcStatus[grpcStatus]! + 1
  }
  const bucket = boundOf(durationMs)
  totals.timeBuckets[bucket] = totals.timeBuckets[bucket]! + 1
  totals.timeSumMs += durationMs
  totals.timeCount++
  if (traceId !== '') totals.exemplars[bucket] = { traceId, valueMs: durationMs, wallMs }
  if (exchange.attempts > 1) totals.retries += exchange.attempts - 1
  if (exchange.rescued) totals.rescued++
  if (outcome.failure?.flag === 'UT') totals.timeouts++
  if (outcome.failure?.flag === 'UC') totals.resets++
}
