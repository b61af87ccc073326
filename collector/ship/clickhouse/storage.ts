import type { Clock } from '../../../runtime/clock.ts'
import type { StorageEvents } from '../../events-ship.ts'
import { migrate } from './migrate.ts'
import type { Asked, Done, Failed, Parameters, Store, TableInsert } from './store.ts'

/** A store whose tables are there. */
export interface Storage {
  readonly database: string
  insert(insert: TableInsert): Promise<Done>
  query<Row>(sql: string, parameters?: Parameters): Promise<Asked<Row>>
  /** Why it cannot be used now; undefined when it can. */
  readonly problem: string | undefined
  close(): Promise<void>
}

/** A table that went missing under way (a dropped database, a new server) shows itself by these. */
const TABLES_GONE = /UNKNOWN_TABLE|UNKNOWN_DATABASE/
/** A question that asked for too much says nothing about ClickHouse's health. */
const ASKED_TOO_MUCH = /TIMEOUT_EXCEEDED|MEMORY_LIMIT_EXCEEDED/
const MIGRATE_AGAIN_MS = 500

/** Puts the migrations before everything else: until they have been applied, whatever is asked is answered `away`. */
export function migratedStorage(
  store: Store,
  {
    database,
    retentionMs,
    clock,
    events,
  }: { database: string; retentionMs: number; clock: Clock; events: StorageEvents },
): Storage {
  let problem: string | undefined = 'the tables are being prepared'
  let migrated = false
  let preparing = false
  let closed = false

  /** Tries until it has worked, also when nobody asks for anything. */
  async function prepare(): Promise<void> {
    if (preparing || closed) return
    preparing = true
    const done = await migrate(store, database, retentionMs)
    preparing = false
    if (closed) return
    migrated = done.status === 'ok'
    if (done.status === 'ok') {
      problem = undefined
      events.ready(database)
      return
    }
    if (problem !== done.reason) events.notReady(done.reason)
    problem = done.reason
    clock.after(MIGRATE_AGAIN_MS, () => void prepare())
  }

  async function whenReady<T>(run: () => Promise<T | Failed>, harmless?: RegExp): Promise<T | Failed> {
    if (!migrated) return { status: 'away', reason: `ClickHouse is not ready: ${problem}` }
    const outcome = await run()
    const failed = outcome as Partial<Failed>
    if (failed.status !== 'away') problem = undefined
    else if (!harmless?.test(failed.reason ?? '')) problem = failed.reason
    if (failed.reason && TABLES_GONE.test(failed.reason)) {
      migrated = false
      void prepare()
    }
    return outcome
  }

  void prepare()
  return {
    database,
    insert: insert => whenReady<Done>(() => store.insert(insert)),
    query: <Row>(sql: string, parameters?: Parameters) =>
      whenReady<Asked<Row>>(() => store.query<Row>(sql, parameters), ASKED_TOO_MUCH),
    get problem() {
      return problem
    },
    close() {
      closed = true
      return store.close()
    },
  }
}
