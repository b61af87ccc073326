import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { type ClickHouseClient, createClient } from '@clickhouse/client'
import { failureOf, insertSettings, parseRows, type Store } from './store.ts'

/** A server that takes the connection and then stays silent must not stop storage for good. */
const ANSWER_MS_MAX = 30_000

/** A ClickHouse server by URL; user and password stand in the URL. */
export function serverStore(url: string): Store {
  return clientStore(createClient({ url, request_timeout: ANSWER_MS_MAX, max_open_connections: 4, log: quiet }))
}

/** The client would write to the console; what matters is told by the one who asked. */
const quiet = { level: 127 } as const

function clientStore(client: ClickHouseClient): Store {
  return {
    async insert({ table, rows, token }) {
      try {
        // Not `insert`: of JSONEachRow it takes objects only, and would write again what is written already.
        const { stream } = await client.exec({
          query: `INSERT INTO ${table} FORMAT JSONEachRow`,
          values: Readable.from([rows], { objectMode: false }),
          clickhouse_settings: { ...insertSettings, insert_deduplication_token: token },
        })
        await buffer(stream)
        return { status: 'ok' }
      } catch (error) {
        return failureOf(error)
      }
    },
    async query<Row>(sql: string, parameters = {}) {
      try {
        const answer = await client.query({ query: sql, query_params: parameters, format: 'JSONEachRow' })
        return { status: 'ok', rows: parseRows<Row>(await answer.text()) }
      } catch (error) {
        return failureOf(error)
      }
    },
    async command(sql) {
      try {
        await client.command({ query: sql })
        return { status: 'ok' }
      } catch (error) {
        return failureOf(error)
      }
    },
    close: () => client.close(),
  }
}
