/**
 * The embedded ClickHouse, in a process of its own: four long queries held up the collector's file reads for seconds when both
 * shared one, and whatever its native code does, the collector goes on. Speaks over the channel that its parent opened (fork).
 * Arguments: the data directory, the bytes of memory that the engine may use.
 */
import { type ClickHouseClient, type ClickHouseClientConfigOptions, createClient } from '@clickhouse/client'
import type { ChdbConnection } from 'chdb/connection'
import type { EngineAnswer, EngineQuestion } from './engine-messages.ts'
import { failureOf, insertSettings, type TableInsert } from './store.ts'

type ClientConnection = NonNullable<ClickHouseClientConfigOptions['connection']>

interface Engine {
  connection: ChdbConnection
  client: ClickHouseClient
}

function tell(answer: EngineAnswer): void {
  if (process.connected) process.send?.(answer)
}

async function loadEngine(): Promise<(path: string, memoryBytesMax: number) => Engine> {
  const { Session } = await import('chdb')
  const { createChdbConnection } = await import('chdb/connection')
  return (path, memoryBytesMax) => {
    // The connection takes no engine arguments of its own, but shares the engine of a session on the same directory.
    new Session(path, { connectionArgs: engineArguments(memoryBytesMax) })
    const connection = createChdbConnection({ path })
    // The two packages carry the same declarations twice, and a private field makes them differ in name only.
    return { connection, client: createClient({ connection: connection as unknown as ClientConnection }) }
  }
}

function engineArguments(memoryBytesMax: number): string[] {
  const cacheBytes = Math.floor(memoryBytesMax / 16)
  return [
    `--max_server_memory_usage=${memoryBytesMax}`,
    `--mark_cache_size=${cacheBytes}`,
    `--uncompressed_cache_size=${cacheBytes}`,
    '--background_pool_size=2',
    '--background_schedule_pool_size=4',
  ]
}

async function insert({ connection }: Engine, { table, rows, token }: TableInsert): Promise<string> {
  await connection.chdb.rawInsert({
    table,
    values: rows,
    format: 'JSONEachRow',
    settings: { ...insertSettings, insert_deduplication_token: token },
  })
  return ''
}

async function run(engine: Engine, question: EngineQuestion): Promise<string> {
  switch (question.ask) {
    case 'insert':
      return insert(engine, question)
    case 'query': {
      const { sql, parameters } = question
      return (await engine.client.query({ query: sql, query_params: parameters, format: 'JSONEachRow' })).text()
    }
    case 'command':
      await engine.client.command({ query: question.sql })
      return ''
  }
}

async function answer(engine: Engine, question: EngineQuestion): Promise<void> {
  const residentBytes = () => process.memoryUsage.rss()
  try {
    const text = await run(engine, question)
    tell({ told: 'answer', id: question.id, outcome: { status: 'ok', text }, residentBytes: residentBytes() })
  } catch (error) {
    tell({ told: 'answer', id: question.id, outcome: failureOf(error), residentBytes: residentBytes() })
  }
}

/** A directory that cannot be opened (an engine before this one still holds it, the disk is full) is for the supervisor to try again. */
function openedOrTold(open: () => Engine): Engine | undefined {
  try {
    return open()
  } catch (error) {
    const { message, cause } = error as Error
    const reason = cause instanceof Error && cause.message !== message ? `${message}: ${cause.message}` : message
    process.send?.({ told: 'failed', reason } satisfies EngineAnswer, () => process.exit(1))
    return undefined
  }
}

/** As its own SQL says: the connection's word is 'unknown' until it has answered something. */
async function versionOf({ client }: Engine): Promise<string> {
  const answer = await client.query({ query: 'SELECT version() AS version', format: 'JSONEachRow' })
  const [row] = await answer.json<{ version: string }>()
  return row?.version ?? 'unknown'
}

async function main(path: string, memoryBytesMax: number): Promise<void> {
  // The collector's end is this process's end, at once: the library's own way out has hung for half a minute, and held the directory
  // from the next engine. Nothing is lost by it: what was answered is synced, what was not comes again under the same token.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  // Signals of a terminal are the collector's to act on.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => {})
  let open: Awaited<ReturnType<typeof loadEngine>>
  try {
    open = await loadEngine()
  } catch (error) {
    tell({ told: 'absent', reason: (error as Error).message })
    return
  }
  tell({ told: 'loaded' })
  const engine = openedOrTold(() => open(path, memoryBytesMax))
  if (engine === undefined) return
  process.on('message', (question: EngineQuestion) => void answer(engine, question))
  tell({ told: 'open', version: await versionOf(engine) })
}

await main(process.argv[2] ?? '', Number(process.argv[3]))
