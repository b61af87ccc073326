import type { Logger } from 'pino'
import { endWithParent } from '../../runtime/lifecycle.ts'
import { formatAddress } from './address.ts'
import type { Service } from './service.ts'

const STOP_DEADLINE_MS = 1_900

/**
 * Runs a service until SIGTERM or SIGINT. Exit code 0 after an end in order, 1 when it could not start or did not
 * end in time; a second signal ends it at once.
 */
export async function runService(create: () => Service, log: Logger): Promise<void> {
  const service = await startOrExit(create, log)
  const signal = await firstSignal()
  log.info({ signal }, 'stopping')
  const deadline = setTimeout(() => {
    log.error({ deadlineMs: STOP_DEADLINE_MS }, 'did not end in time, and was cut off')
    process.exit(1)
  }, STOP_DEADLINE_MS)
  await service.stop()
  clearTimeout(deadline)
  log.info('stopped')
  process.exit(0)
}

async function startOrExit(create: () => Service, log: Logger): Promise<Service> {
  try {
    const service = create()
    const { address, metrics, beside } = await service.start()
    const grpc = beside === undefined ? undefined : formatAddress(beside)
    log.info({ address: formatAddress(address), metrics: formatAddress(metrics), grpc }, 'listening')
    return service
  } catch (error) {
    log.fatal({ err: error }, 'could not start')
    process.exit(1)
  }
}

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    let signals = 0
    const take = (signal: NodeJS.Signals) => {
      signals += 1
      if (signals > 1) process.exit(1)
      resolve(signal)
    }
    process.on('SIGTERM', take)
    process.on('SIGINT', take)
    if (process.env['TRIMTAB_UNTIL_PARENT_GONE'] !== undefined) endWithParent(() => take('SIGTERM'))
  })
}
