import { Command, Option } from 'commander'
import { pino } from 'pino'
import { endWithParent } from '../../runtime/lifecycle.ts'
import { lineWriter } from '../../runtime/log.ts'
import { type Address, formatAddress } from '../app/address.ts'
import { addressOption, numberOption, readCommandLine, urlOption } from '../app/command-line.ts'
import { closeGently, listen } from '../app/listener.ts'
import { createAdmin, RATE_MAX } from './admin.ts'
import { createCaller } from './caller.ts'
import { describeReading } from './lines.ts'
import { createLoad, type LoadReading } from './load.ts'

interface LoadOptions {
  target: string
  targetHost?: string
  rate: number
  seconds?: number
  concurrencyMax: number
  timeoutMs: number
  admin?: Address
  json?: true
}

const STOP_GRACE_MS = 1_500
const whole = (max: number) => ({ min: 1, max, integer: true })

const command = new Command('load')
  .description('A gentle load for the demo: calls the report paths at a constant rate and counts what comes back.')
  .addOption(urlOption('--target <url>', 'origin to call', 'LOAD_TARGET').makeOptionMandatory())
  .addOption(new Option('--target-host <host>', "Host header; the target's own without").env('LOAD_TARGET_HOST'))
  .addOption(
    numberOption('--rate <n>', 'requests per second', 'LOAD_RATE', { min: 0, max: RATE_MAX, integer: false }).default(
      20,
    ),
  )
  .addOption(numberOption('--seconds <n>', 'how long; until a signal without', 'LOAD_SECONDS', whole(1_000_000)))
  .addOption(
    numberOption('--concurrency-max <n>', 'under way at once', 'LOAD_CONCURRENCY_MAX', whole(10_000)).default(50),
  )
  .addOption(numberOption('--timeout-ms <ms>', 'for one request', 'LOAD_TIMEOUT_MS', whole(60_000)).default(5_000))
  .addOption(addressOption('--admin <address>', 'HOST:PORT of POST /rate and GET /stats', 'LOAD_ADMIN'))
  .option('--json', 'one JSON line each second')
  .addHelpText('after', '\nExit codes: 0 ended in order (whatever the target did), 1 failed, 2 wrong usage.')

const line = readCommandLine<LoadOptions>(command, process.argv.slice(2))
if (line.status === 'exit') process.exit(line.exitCode)
await run(line.options)

async function run(options: LoadOptions): Promise<void> {
  const { target: targetUrl, targetHost: host, timeoutMs, concurrencyMax } = options
  const caller = createCaller({ targetUrl, host, connections: concurrencyMax, timeoutMs })
  const settings = { ratePerSecond: options.rate, inFlightMax: concurrencyMax }
  const load = createLoad(settings, caller, () => performance.now())
  const log = pino(lineWriter(2))
  const admin = createAdmin(load, log)
  let adminAddress: string | undefined
  if (options.admin !== undefined) {
    try {
      adminAddress = formatAddress(await listen(admin, options.admin, () => undefined))
    } catch (error) {
      log.fatal({ err: error }, 'the admin listener could not start')
      process.exit(1)
    }
  }

  const ended = endOf(options.seconds)
  const print = (msg: string, reading: LoadReading) =>
    options.json ? printJson({ msg, ...reading }) : console.log(`${msg}: ${describeReading(reading)}`)
  if (options.json) printJson({ msg: 'started', target: targetUrl, rate: options.rate, admin: adminAddress ?? null })
  else console.log(`calling ${targetUrl} ${options.rate} times a second; admin: ${adminAddress ?? 'none'}`)
  load.start()
  const seconds = setInterval(() => print('second', load.takeInterval()), 1_000)

  await ended
  clearInterval(seconds)
  await load.stop(STOP_GRACE_MS)
  print('summary', load.total())
  await Promise.all([caller.close(), closeGently(admin)])
  process.exit(0)
}

function printJson(value: object): void {
  console.log(JSON.stringify({ time: new Date().toISOString(), ...value }))
}

/** Resolves at a signal or when the time is over; a second signal ends the process at once. */
function endOf(seconds: number | undefined): Promise<void> {
  return new Promise(resolve => {
    let signals = 0
    const take = () => {
      signals += 1
      if (signals > 1) process.exit(1)
      resolve()
    }
    process.on('SIGTERM', take)
    process.on('SIGINT', take)
    if (process.env['TRIMTAB_UNTIL_PARENT_GONE'] !== undefined) endWithParent(take)
    if (seconds !== undefined) setTimeout(resolve, seconds * 1_000)
  })
}
