import type { TestContext } from 'node:test'
import { pino } from 'pino'
import { formatAddress } from '../../../../demo/app/address.ts'
import type { Service } from '../../../../demo/app/service.ts'
import { createExpense, type ExpenseSettings } from '../../../../demo/expense/expense.ts'
import { createReport, type ReportSettings } from '../../../../demo/report/report.ts'

const anyPort = { host: '127.0.0.1', port: 0 }
const quiet = pino({ level: 'silent' })

export interface Running {
  url: string
  metricsUrl: string
  service: Service
}

/** An expense service on free ports, stopped at the end of the test. */
export function startExpense(
  t: TestContext,
  settings: Partial<ExpenseSettings> = {},
  random = () => 0,
): Promise<Running> {
  const standard: ExpenseSettings = {
    version: 'v1',
    listen: anyPort,
    metrics: anyPort,
    zipkinUrl: undefined,
    dataFile: undefined,
    grpc: undefined,
  }
  return started(t, createExpense({ ...standard, ...settings }, { log: quiet, random }))
}

/** A report service on free ports that asks `expenseUrl`, stopped at the end of the test. */
export function startReport(
  t: TestContext,
  expenseUrl: string,
  settings: Partial<ReportSettings> = {},
): Promise<Running> {
  const listeners = { listen: anyPort, metrics: anyPort, zipkinUrl: undefined }
  const standard: ReportSettings = {
    version: 'v3',
    ...listeners,
    expenseUrl,
    expenseHost: 'expense',
    expenseTimeoutMs: 5_000,
  }
  return started(t, createReport({ ...standard, ...settings }, { log: quiet, random: () => 0 }))
}

async function started(t: TestContext, service: Service): Promise<Running> {
  const { address, metrics } = await service.start()
  t.after(() => service.stop())
  return { url: `http://${formatAddress(address)}`, metricsUrl: `http://${formatAddress(metrics)}/metrics`, service }
}

/** A call with a JSON body, answered with status and parsed body. */
export async function callJson(
  method: string,
  url: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const init: RequestInit = { method }
  if (body !== undefined) {
    init.headers = { 'content-type': 'application/json' }
    init.body = JSON.stringify(body)
  }
  const response = await fetch(url, init)
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}
