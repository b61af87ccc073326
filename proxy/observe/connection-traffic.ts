import type { Attempt } from '../exchange.ts'
import { type ErrorClass, errorClassOf } from '../failures.ts'
import type { Taken, TcpConnection } from '../tcp/connection.ts'
import { boundOf, timeBoundsMs } from './time-bounds.ts'

/** Of the TCP connections to one version of an upstream, since the start: how long they lasted, and took to come about. */
export interface ConnectionTotals {
  service: string
  version: string
  length: TimeTotals
  connect: TimeTotals
}

export interface TimeTotals {
  buckets: Float64Array
  sumMs: number
  count: number
}

/** Counts TCP connections: rows for the report where they leave an application, times for /metrics everywhere. */
export interface ConnectionTraffic {
  started(connection: TcpConnection): void
  attemptOver(connection: TcpConnection, attempt: Attempt): void
  /** It is known how it went: the caller's row. Not at its end, which may be days away. */
  taken(connection: TcpConnection, taken: Taken): void
  over(connection: TcpConnection): void
  /** Those that rows count as in flight. */
  readonly open: ReadonlySet<TcpConnection>
  readonly totals: ReadonlyMap<string, ConnectionTotals>
}

/** The route that rows of connections carry. */
export const TCP_ROUTE = 'tcp'
const TOTALS_MAX = 5000

/** What a connection needs of a row. */
interface ConnectionRow {
  retries: number
  rescued: number
  add(status: number, errors: ErrorClass | undefined, durationMs: number, traceId: string): void
}

export function connectionTraffic(
  rowOf: (upstream: string, version: string, endpoint: string, route: string) => ConnectionRow,
): ConnectionTraffic {
  const open = new Set<TcpConnection>()
  const totals = new Map<string, ConnectionTotals>()
  const totalsOf = (service: string, version: string): ConnectionTotals => {
    const key = `${service}\n${version}`
    const known = totals.get(key)
    if (known !== undefined) return known
    if (totals.size >= TOTALS_MAX && service !== 'overflow') return totalsOf('overflow', '')
    const fresh = { service, version, length: noTimes(), connect: noTimes() }
    totals.set(key, fresh)
    return fresh
  }
  return {
    open,
    totals,
    started(connection) {
      if (connection.direction !== 'inbound') open.add(connection)
    },
    attemptOver(connection, { version, endpointId, status, failure, durationMs }) {
      if (failure === undefined) addTime(totalsOf(connection.service, version).connect, durationMs)
      if (connection.direction === 'inbound') return
      if (failure !== undefined && connection.attempts === 1) connection.firstVersion = version
      rowOf(connection.service, version, endpointId, TCP_ROUTE).add(status, errorClassOf(0, failure), durationMs, '')
    },
    taken(connection, { status, failure, durationMs }) {
      if (connection.direction === 'inbound' || failure?.flag === 'DC' || failure?.flag === 'NR') return
      const { attempts, service } = connection
      const row = rowOf(service, connection.firstVersion || connection.version, '', TCP_ROUTE)
      row.add(status, errorClassOf(0, failure), durationMs, '')
      row.retries += Math.max(0, attempts - 1)
      if (failure === undefined && attempts > 1) row.rescued++
    },
    over(connection) {
      open.delete(connection)
      if (connection.relay !== undefined)
        addTime(totalsOf(connection.service, connection.version).length, connection.durationMs)
    },
  }
}

function noTimes(): TimeTotals {
  return { buckets: new Float64Array(timeBoundsMs.length + 1), sumMs: 0, count: 0 }
}

function addTime(times: TimeTotals, ms: number): void {
  const bucket = boundOf(ms)
  times.buckets[bucket] = times.buckets[bucket]! + 1
  times.sumMs += ms
  times.count++
}
