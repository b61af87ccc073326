import { ROOT_CONTEXT } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { createService, type Service, type ServiceSettings, type Surroundings } from '../app/service.ts'
import { openDatabase } from './database.ts'
import { addExpenseRoutes } from './routes.ts'
import { createStore } from './store.ts'

export interface ExpenseSettings extends Omit<ServiceSettings, 'service'> {
  version: 'v1' | 'v2'
  /** A SQLite file; undefined keeps everything in memory. */
  dataFile: string | undefined
}

/** The expense service: what was spent, in SQLite. Throws when the file cannot be used. */
export function createExpense(settings: ExpenseSettings, surroundings: Surroundings): Service {
  return createService({ ...settings, service: 'expense' }, surroundings, tracer => {
    const database = openDatabase(settings.dataFile ?? ':memory:', tracer)
    const store = createStore(database, suppressTracing(ROOT_CONTEXT))
    return {
      addRoutes: app => addExpenseRoutes(app, store, settings.version),
      close: async () => database.close(),
    }
  })
}
