import { DatabaseSync } from 'node:sqlite'
import { type Context, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api'

/** A statement, named for its span as verb and table, with placeholders where values go. */
interface Statement {
  name: string
  sql: string
}

type Value = string | number | null

/** SQLite whose every statement is a client span under the request that needed it. */
export interface Database {
  all(context: Context, statement: Statement, ...values: Value[]): Record<string, unknown>[]
  /** How many rows changed. */
  run(context: Context, statement: Statement, ...values: Value[]): number
  /** All or nothing, with no writer in between. */
  transaction<T>(work: () => T): T
  close(): void
}

const BUSY_TIMEOUT_MS = 1_000

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS expenses (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, trip_id TEXT NOT NULL, cost REAL NOT NULL,
    currency TEXT NOT NULL, date TEXT NOT NULL, reimbursable INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS expenses_by_trip ON expenses (trip_id, date, id);
`

/** Opens or creates. Throws when the file cannot be used. `:memory:` keeps nothing. */
export function openDatabase(file: string, tracer: Tracer): Database {
  const sqlite = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  sqlite.exec(SCHEMA)
  // Bounded by the statements of this program, of which there are a handful.
  const prepared = new Map<string, ReturnType<DatabaseSync['prepare']>>()
  const prepare = (sql: string) => {
    const known = prepared.get(sql) ?? sqlite.prepare(sql)
    prepared.set(sql, known)
    return known
  }
  return {
    all: (context, statement, ...values) =>
      inSpan(tracer, context, statement, () => prepare(statement.sql).all(...values)),
    run: (context, statement, ...values) =>
      inSpan(tracer, context, statement, () => Number(prepare(statement.sql).run(...values).changes)),
    transaction(work) {
      sqlite.exec('BEGIN IMMEDIATE')
      try {
        const result = work()
        sqlite.exec('COMMIT')
        return result
      } catch (error) {
        // A full disk makes SQLite roll back by itself; a second ROLLBACK would hide why.
        if (sqlite.isTransaction) sqlite.exec('ROLLBACK')
        throw error
      }
    },
    close: () => sqlite.close(),
  }
}

function inSpan<T>(tracer: Tracer, context: Context, { name, sql }: Statement, work: () => T): T {
  // The Zipkin exporter has no remoteEndpoint to set; peer.service says who answered.
  const attributes = { 'db.system': 'sqlite', 'db.statement': sql, 'peer.service': 'expense-db' }
  const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, context)
  try {
    return work()
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) })
    throw error
  } finally {
    span.end()
  }
}
