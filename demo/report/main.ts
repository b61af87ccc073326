import { Option } from 'commander'
import { numberOption, readCommandLine, urlOption } from '../app/command-line.ts'
import { createLog } from '../app/log.ts'
import { runService } from '../app/run.ts'
import { type ServiceOptions, serviceCommand } from '../app/service-options.ts'
import { createReport } from './report.ts'

interface ReportOptions extends ServiceOptions {
  version: 'v2' | 'v3'
  expense: string
  expenseHost: string
  expenseTimeoutMs: number
}

const milliseconds = { min: 1, max: 60_000, integer: true }
const command = serviceCommand({
  name: 'report',
  description: 'The report service of the demo: adds up what expense has on record.',
  versions: ['v2', 'v3'],
  listenPort: 5001,
})
  .addOption(urlOption('--expense <url>', 'where to reach expense', 'REPORT_EXPENSE').default('http://127.0.0.1:15001'))
  .addOption(
    new Option('--expense-host <host>', 'Host header for expense').env('REPORT_EXPENSE_HOST').default('expense'),
  )
  .addOption(
    numberOption('--expense-timeout-ms <ms>', 'for one call', 'REPORT_EXPENSE_TIMEOUT_MS', milliseconds).default(5_000),
  )

const line = readCommandLine<ReportOptions>(command, process.argv.slice(2))
if (line.status === 'exit') process.exit(line.exitCode)
const { listen, metrics, zipkin, version, expense, expenseHost, expenseTimeoutMs } = line.options
const log = createLog('report', version)
const settings = { listen, metrics, zipkinUrl: zipkin, version, expenseUrl: expense, expenseHost, expenseTimeoutMs }
await runService(() => createReport(settings, { log, random: Math.random }), log)
