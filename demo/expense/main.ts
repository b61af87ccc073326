import { Option } from 'commander'
import type { Address } from '../app/address.ts'
import { addressOption, readCommandLine } from '../app/command-line.ts'
import { createLog } from '../app/log.ts'
import { runService } from '../app/run.ts'
import { type ServiceOptions, serviceCommand } from '../app/service-options.ts'
import { createExpense } from './expense.ts'

interface ExpenseOptions extends ServiceOptions {
  version: 'v1' | 'v2'
  data?: string
  grpc?: Address
}

const command = serviceCommand({
  name: 'expense',
  description: 'The expense service of the demo: what was spent on which trip.',
  versions: ['v1', 'v2'],
  listenPort: 5002,
})
  .addOption(new Option('--data <file>', 'SQLite file; in memory without').env('EXPENSE_DATA'))
  .addOption(addressOption('--grpc <address>', 'HOST:PORT to offer gRPC at; not offered without', 'EXPENSE_GRPC'))

const line = readCommandLine<ExpenseOptions>(command, process.argv.slice(2))
if (line.status === 'exit') process.exit(line.exitCode)
const { listen, metrics, zipkin, version, data, grpc } = line.options
const log = createLog('expense', version)
const settings = { listen, metrics, zipkinUrl: zipkin, version, dataFile: data, grpc }
await runService(() => createExpense(settings, { log, random: Math.random }), log)
