import { ROOT_CONTEXT } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import type { Address } from '../app/address.ts'
import { createService, type Service, type ServiceSettings, type Surroundings } from '../app/service.ts'
import { openDatabase } from './database.ts'
import { expenseGrpc } from './grpc.ts'
import { addExpenseRoutes } from './routes.ts'
import { createStore } from './store.ts'
import { createWatchers } from './watchers.ts'

export interface ExpenseSettings extends Omit<ServiceSettings, 'service'> {
  version: 'v1' | 'v2'
  /** A SQLite file; undefined keeps everything in memory. */
  dataFile: string | undefined
  /** Where gRPC is offered; undefined: it is not. */
  grpc: Address | undefined
}

/** The expense service: what was spent, in SQLite. Throws when the file cannot be used. */
export function createExpense(settings: ExpenseSettings, surroundings: Surroundings): Service {
  return createService({ ...settings, service: 'expense' }, surroundings, tracer => {
    const database = openDatabase(settings.dataFile ?? ':memory:', tracer)
    const watchers = createWatchers()
    const store = createStore(database, suppressTracing(ROOT_CONTEXT), watchers.changed)
    const grpc =
      settings.grpc === undefined
        ? undefined
        : { at: settings.grpc, listener: expenseGrpc(store, watchers, tracer, settings.version) }
    return {
      start: async () => grpc?.listener.start(grpc.at),
      addRoutes: app => addExpenseRoutes(app, store, settings.version),
      async close() {
        await grpc?.listener.close()
        database.close()
      },
    }
  })
}
