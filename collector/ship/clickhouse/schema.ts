/**
 * The tables. Columns of `spans` have the names of Zipkin's JSON, so that a span is inserted as it was written to the log, without
 * being parsed again; what the columns are ordered and searched by is derived from them.
 */
export interface Migration {
  version: number
  name: string
  statements: (database: string) => string[]
}

/** Engines keep what they were told for a while, so that a batch sent twice is stored once; and sync it, since the log then lets go of it. */
const DURABLE = 'non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1'

/** A span without a time, or with an impossible one, is filed under the time of its arrival: no sender can make partitions at will. */
const SPAN_TIME = `if(timestamp BETWEEN toUnixTimestamp64Micro(now64(6)) - 31622400000000 AND toUnixTimestamp64Micro(now64(6)) + 86400000000, fromUnixTimestamp64Micro(toInt64(timestamp)), now64(6))`

const endpoint = 'Tuple(serviceName LowCardinality(String), ipv4 String, ipv6 String, port UInt16)'

const spans = (database: string) => `CREATE TABLE IF NOT EXISTS ${database}.spans (
  traceId String CODEC(ZSTD(1)),
  parentId String CODEC(ZSTD(1)),
  id String CODEC(ZSTD(1)),
  kind LowCardinality(String),
  name LowCardinality(String),
  timestamp UInt64 CODEC(Delta, ZSTD(1)),
  duration UInt64 CODEC(T64, ZSTD(1)),
  localEndpoint ${endpoint},
  remoteEndpoint ${endpoint},
  annotations Array(Tuple(timestamp UInt64, value String)) CODEC(ZSTD(1)),
  tags Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  debug Bool,
  shared Bool,
  time DateTime64(6) MATERIALIZED ${SPAN_TIME} CODEC(Delta, ZSTD(1)),
  service LowCardinality(String) MATERIALIZED localEndpoint.serviceName,
  remoteService LowCardinality(String) MATERIALIZED remoteEndpoint.serviceName,
  INDEX byTrace traceId TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = MergeTree PARTITION BY toDate(time) ORDER BY (service, name, time) SETTINGS ${DURABLE}, ttl_only_drop_parts = 1`

/** Finds a trace's time by its id, so that reading it touches a few parts only; by the lower half first, since old clients send no more. */
const traces = (database: string) => [
  `CREATE TABLE IF NOT EXISTS ${database}.traces (
  low String CODEC(ZSTD(1)),
  traceId String CODEC(ZSTD(1)),
  firstTime SimpleAggregateFunction(min, DateTime64(6)),
  lastTime SimpleAggregateFunction(max, DateTime64(6))
) ENGINE = AggregatingMergeTree ORDER BY (low, traceId) SETTINGS ${DURABLE}`,
  `CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.traces_of_spans TO ${database}.traces AS
SELECT right(traceId, 16) AS low, traceId, min(time) AS firstTime, max(time) AS lastTime FROM ${database}.spans GROUP BY traceId`,
]

const operations = (database: string) => [
  `CREATE TABLE IF NOT EXISTS ${database}.operations (
  service LowCardinality(String),
  name LowCardinality(String),
  kind LowCardinality(String),
  remoteService LowCardinality(String),
  lastTime SimpleAggregateFunction(max, DateTime64(6))
) ENGINE = AggregatingMergeTree ORDER BY (service, name, kind, remoteService) SETTINGS ${DURABLE}`,
  `CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.operations_of_spans TO ${database}.operations AS
SELECT service, name, kind, remoteService, max(time) AS lastTime FROM ${database}.spans GROUP BY service, name, kind, remoteService`,
]

const traffic = (database: string) => `CREATE TABLE IF NOT EXISTS ${database}.traffic (
  time DateTime64(3) CODEC(Delta, ZSTD(1)),
  seconds Float32,
  source LowCardinality(String),
  upstream LowCardinality(String),
  version LowCardinality(String),
  endpoint LowCardinality(String),
  route LowCardinality(String),
  requests UInt64 CODEC(T64, ZSTD(1)),
  ok UInt64 CODEC(T64, ZSTD(1)),
  http5xx UInt64 CODEC(T64, ZSTD(1)),
  gateway UInt64 CODEC(T64, ZSTD(1)),
  reset UInt64 CODEC(T64, ZSTD(1)),
  timeout UInt64 CODEC(T64, ZSTD(1)),
  clientErrors UInt64 CODEC(T64, ZSTD(1)),
  retries UInt64 CODEC(T64, ZSTD(1)),
  rescued UInt64 CODEC(T64, ZSTD(1)),
  inFlightMax UInt32 CODEC(T64, ZSTD(1)),
  fusedByMax UInt32 CODEC(T64, ZSTD(1)),
  sketchBuckets Array(UInt16) CODEC(ZSTD(1)),
  sketchCounts Array(UInt64) CODEC(ZSTD(1))
) ENGINE = MergeTree PARTITION BY toDate(time) ORDER BY (upstream, version, source, endpoint, route, time) SETTINGS ${DURABLE}, ttl_only_drop_parts = 1`

const decisions = (database: string) => `CREATE TABLE IF NOT EXISTS ${database}.decisions (
  id UInt64,
  time DateTime64(3),
  service LowCardinality(String),
  version String,
  endpoint String,
  action LowCardinality(String),
  from String,
  to String,
  reason String,
  metric LowCardinality(String),
  observed Float64,
  threshold Float64,
  evidence String,
  windowMs Float64,
  data LowCardinality(String),
  actor LowCardinality(String),
  dryRun Bool,
  traces Array(String),
  epoch UInt64
) ENGINE = ReplacingMergeTree ORDER BY (service, time, id) SETTINGS ${DURABLE}`

/** In order; a version that was applied once is never changed, only followed by another. */
export const migrations: readonly Migration[] = [
  {
    version: 1,
    name: 'spans, traces, operations, traffic and decisions',
    statements: database => [
      spans(database),
      ...traces(database),
      ...operations(database),
      traffic(database),
      decisions(database),
    ],
  },
]

/** How long each table keeps its rows: a setting, so it is applied at every start. */
export function retentionStatements(database: string, retentionMs: number): string[] {
  const seconds = Math.max(60, Math.round(retentionMs / 1000))
  const keep = (table: string, column: string, seconds: number) =>
    `ALTER TABLE ${database}.${table} MODIFY TTL toDateTime(${column}) + toIntervalSecond(${seconds}) SETTINGS materialize_ttl_after_modify = 0`
  return [
    keep('spans', 'time', seconds),
    keep('traces', 'lastTime', seconds),
    keep('operations', 'lastTime', seconds),
    keep('traffic', 'time', seconds),
    keep('decisions', 'time', seconds * 10),
  ]
}
