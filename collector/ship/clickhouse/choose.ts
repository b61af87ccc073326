import type { Clock } from '../../../runtime/clock.ts'
import type { ShipEvents } from '../../events-ship.ts'
import { startEngine } from './engine.ts'
import { serverStore } from './server-store.ts'
import { migratedStorage, type Storage } from './storage.ts'
import type { Store } from './store.ts'

interface StorageChoice {
  /** embedded | off | URL of a server. */
  clickhouse: string
  database: string
  directory: string
  memoryBytesMax: number
  retentionMs: number
  clock: Clock
  random: () => number
  events: ShipEvents
}

export type ChosenStorage = { status: 'chosen'; storage: Storage } | { status: 'none'; reason: string }

/** The ClickHouse that was chosen, or why there is none: the collector does its other work without. */
export async function chooseStorage(choice: StorageChoice): Promise<ChosenStorage> {
  const { clickhouse, database, retentionMs, clock, random, events } = choice
  if (clickhouse === 'off') return { status: 'none', reason: 'turned off by --clickhouse off' }
  let store: Store
  if (clickhouse === 'embedded') {
    const started = await startEngine({
      directory: choice.directory,
      memoryBytesMax: choice.memoryBytesMax,
      clock,
      random,
      events: events.engine,
    })
    if (started.status === 'absent') {
      const reason = `the embedded ClickHouse (npm package chdb) cannot be loaded here: ${started.reason}`
      events.absent(reason)
      return { status: 'none', reason }
    }
    store = started.store
  } else store = serverStore(clickhouse)
  return { status: 'chosen', storage: migratedStorage(store, { database, retentionMs, clock, events: events.storage }) }
}
