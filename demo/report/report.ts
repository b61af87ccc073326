import { createService, type Service, type ServiceSettings, type Surroundings } from '../app/service.ts'
import { createExpenseClient } from './expense-client.ts'
import { addReportRoutes } from './routes.ts'

export interface ReportSettings extends Omit<ServiceSettings, 'service'> {
  version: 'v2' | 'v3'
  expenseUrl: string
  expenseHost: string
  /** For one call to expense, from its start to the last byte of its answer. */
  expenseTimeoutMs: number
}

/** The report service: adds up what expense has on record. */
export function createReport(settings: ReportSettings, surroundings: Surroundings): Service {
  return createService({ ...settings, service: 'report' }, surroundings, tracer => {
    const { expenseUrl: url, expenseHost: host, expenseTimeoutMs: timeoutMs } = settings
    const expense = createExpenseClient({ url, host, timeoutMs }, tracer)
    return {
      addRoutes: app => addReportRoutes(app, expense, settings.version),
      close: () => expense.close(),
    }
  })
}
