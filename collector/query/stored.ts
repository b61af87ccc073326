import type { Span } from '../../protocol/span.ts'
import type { Storage } from '../ship/clickhouse/storage.ts'
import { type Criteria, whereOf } from './criteria.ts'

/** What ClickHouse has. `away`: it cannot be asked now. */
export type Found<T> = { status: 'ok'; found: T } | { status: 'away'; reason: string }

export interface StoredTraces {
  spansOf(traceIds: readonly string[]): Promise<Found<Span[]>>
  /** Ids of fitting traces, the newest first. */
  search(criteria: Criteria): Promise<Found<{ traceId: string; lastUs: number }[]>>
  services(): Promise<Found<string[]>>
  remoteServices(service: string): Promise<Found<string[]>>
  operations(service: string): Promise<Found<{ name: string; kind: string }[]>>
  links(fromUs: number, toUs: number): Promise<Found<Link[]>>
}

/** Who called whom, how often, and how often it went wrong. */
export interface Link {
  parent: string
  child: string
  callCount: number
  errorCount: number
}

/** No question may keep the engine from the inserts for long, or take the memory that they need. */
const QUERY_LIMITS = 'SETTINGS max_execution_time = 10, max_threads = 2, max_memory_usage = 256000000'
const SPANS_MAX = 50_000
const NAMES_MAX = 10_000
const COLUMNS =
  'traceId, parentId, id, kind, name, timestamp, duration, localEndpoint, remoteEndpoint, annotations, tags, debug, shared'

export function storedTraces(storage: Storage): StoredTraces {
  const { database } = storage
  const ask = async <Row>(
    sql: string,
    parameters: Record<string, string | number | readonly string[]> = {},
  ): Promise<Found<Row[]>> => {
    const asked = await storage.query<Row>(`${sql} ${QUERY_LIMITS}`, parameters)
    return asked.status === 'ok' ? { status: 'ok', found: asked.rows } : { status: 'away', reason: asked.reason }
  }
  const names = async (sql: string, parameters: Record<string, string> = {}): Promise<Found<string[]>> => {
    const asked = await ask<{ name: string }>(sql, parameters)
    return asked.status === 'ok' ? { status: 'ok', found: asked.found.map(({ name }) => name) } : asked
  }
  return {
    async spansOf(traceIds) {
      const known = await ask<{ traceId: string; fromUs: string | number; toUs: string | number }>(
        `SELECT traceId, toUnixTimestamp64Micro(min(firstTime)) AS fromUs, toUnixTimestamp64Micro(max(lastTime)) AS toUs
FROM ${database}.traces WHERE low IN {lows:Array(String)} GROUP BY traceId`,
        { lows: traceIds.map(id => id.slice(-16)) },
      )
      if (known.status === 'away') return known
      if (known.found.length === 0) return { status: 'ok', found: [] }
      const rows = await ask<SpanRow>(
        `SELECT ${COLUMNS} FROM ${database}.spans WHERE traceId IN {ids:Array(String)}
AND time >= fromUnixTimestamp64Micro({fromUs:Int64}) AND time <= fromUnixTimestamp64Micro({toUs:Int64}) LIMIT ${SPANS_MAX}`,
        {
          ids: known.found.map(({ traceId }) => traceId),
          fromUs: Math.min(...known.found.map(({ fromUs }) => Number(fromUs))),
          toUs: Math.max(...known.found.map(({ toUs }) => Number(toUs))),
        },
      )
      return rows.status === 'ok' ? { status: 'ok', found: rows.found.map(spanOf) } : rows
    },
    async search(criteria) {
      const { where, parameters } = whereOf(criteria)
      const asked = await ask<{ traceId: string; lastUs: string | number }>(
        `SELECT traceId, toUnixTimestamp64Micro(max(time)) AS lastUs FROM ${database}.spans WHERE ${where}
GROUP BY traceId ORDER BY lastUs DESC LIMIT {limit:UInt32}`,
        { ...parameters, limit: criteria.limit },
      )
      if (asked.status === 'away') return asked
      return { status: 'ok', found: asked.found.map(({ traceId, lastUs }) => ({ traceId, lastUs: Number(lastUs) })) }
    },
    services: () =>
      names(
        `SELECT DISTINCT service AS name FROM ${database}.operations WHERE service != '' ORDER BY name LIMIT ${NAMES_MAX}`,
      ),
    remoteServices: service =>
      names(
        `SELECT DISTINCT remoteService AS name FROM ${database}.operations WHERE service = {service:String} AND remoteService != '' ORDER BY name LIMIT ${NAMES_MAX}`,
        { service },
      ),
    operations: service =>
      ask(
        `SELECT DISTINCT name, kind FROM ${database}.operations WHERE service = {service:String} AND name != '' ORDER BY name, kind LIMIT ${NAMES_MAX}`,
        { service },
      ),
    async links(fromUs, toUs) {
      const asked = await ask<Record<keyof Link, string>>(linksSql(database), { fromUs, toUs })
      if (asked.status === 'away') return asked
      return {
        status: 'ok',
        found: asked.found.map(link => ({
          parent: link.parent,
          child: link.child,
          callCount: Number(link.callCount),
          errorCount: Number(link.errorCount),
        })),
      }
    },
  }
}

/** The rules of links.ts, over the table. Parents may have begun up to an hour before the time that is asked for. */
function linksSql(database: string): string {
  return `WITH some AS (
  SELECT traceId, id, parentId, shared, kind, service, remoteService, mapContains(tags, 'error') AS failed,
    time >= fromUnixTimestamp64Micro({fromUs:Int64}) AS asked
  FROM ${database}.spans
  WHERE time >= fromUnixTimestamp64Micro({fromUs:Int64} - 3600000000) AND time <= fromUnixTimestamp64Micro({toUs:Int64})
), halves AS (
  SELECT traceId, id, argMin(service, shared) AS clientSide, argMax(service, shared) AS serverSide, min(shared) = 0 AS hasClient
  FROM some GROUP BY traceId, id
), placed AS (
  SELECT some.traceId AS traceId, some.id AS id, service, remoteService, kind, failed, asked, shared AND hasClient AS isHalf,
    if(isHalf, some.id, some.parentId) AS aboveId
  FROM some INNER JOIN halves ON some.traceId = halves.traceId AND some.id = halves.id
), calls AS (
  SELECT if(placed.isHalf, halves.clientSide, halves.serverSide) AS parent, placed.service AS child, placed.failed AS failed
  FROM placed INNER JOIN halves ON placed.traceId = halves.traceId AND placed.aboveId = halves.id
  WHERE placed.asked
  UNION ALL
  SELECT leaf.service AS parent, leaf.remoteService AS child, leaf.failed AS failed
  FROM placed AS leaf LEFT ANTI JOIN placed AS next ON leaf.traceId = next.traceId AND leaf.id = next.aboveId
  WHERE leaf.asked AND leaf.kind = 'CLIENT'
)
SELECT parent, child, count() AS callCount, countIf(failed) AS errorCount FROM calls
WHERE parent != child AND parent != '' AND child != '' GROUP BY parent, child ORDER BY parent, child LIMIT ${NAMES_MAX}`
}

interface SpanRow {
  traceId: string
  parentId: string
  id: string
  kind: string
  name: string
  timestamp: string | number
  duration: string | number
  localEndpoint: EndpointRow
  remoteEndpoint: EndpointRow
  annotations: { timestamp: string | number; value: string }[]
  tags: Record<string, string>
  debug: boolean
  shared: boolean
}

interface EndpointRow {
  serviceName: string
  ipv4: string
  ipv6: string
  port: number
}

/** Columns are never absent, fields of a span are: empty and zero become absent again. */
function spanOf(row: SpanRow): Span {
  const span: Span = { traceId: row.traceId, id: row.id }
  if (row.parentId !== '') span.parentId = row.parentId
  if (row.kind !== '') span.kind = row.kind as NonNullable<Span['kind']>
  if (row.name !== '') span.name = row.name
  if (Number(row.timestamp) > 0) span.timestamp = Number(row.timestamp)
  if (Number(row.duration) > 0) span.duration = Number(row.duration)
  const local = endpointOf(row.localEndpoint)
  if (local !== undefined) span.localEndpoint = local
  const remote = endpointOf(row.remoteEndpoint)
  if (remote !== undefined) span.remoteEndpoint = remote
  if (row.annotations.length > 0)
    span.annotations = row.annotations.map(({ timestamp, value }) => ({ timestamp: Number(timestamp), value }))
  if (Object.keys(row.tags).length > 0) span.tags = row.tags
  if (row.debug) span.debug = true
  if (row.shared) span.shared = true
  return span
}

function endpointOf(row: EndpointRow): Span['localEndpoint'] {
  const endpoint: NonNullable<Span['localEndpoint']> = {}
  if (row.serviceName !== '') endpoint.serviceName = row.serviceName
  if (row.ipv4 !== '') endpoint.ipv4 = row.ipv4
  if (row.ipv6 !== '') endpoint.ipv6 = row.ipv6
  if (row.port > 0) endpoint.port = row.port
  return Object.keys(endpoint).length === 0 ? undefined : endpoint
}
