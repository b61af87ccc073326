import { systemClock } from '../runtime/clock.ts'
import { exitCode, runUntilSignal } from '../runtime/lifecycle.ts'
import { createLog } from '../runtime/log.ts'
import { type Invocation, readSettings } from '../runtime/settings.ts'
import { collectorProgram, collectorSettings } from './config.ts'

/** What a closing collector may take: requests under way, the last fsync, the last batch. */
const GRACE_MS = 3000

/** `trimtab collector`: runs until a signal. Tells on stdout, in one line, when it is ready and where it listens. */
export async function collectorCommand(invocation: Invocation): Promise<void> {
  const read = readSettings(collectorProgram, collectorSettings, invocation)
  if (read.status === 'help') {
    process.stdout.write(read.text)
    return
  }
  if (read.status === 'invalid') {
    process.stderr.write(`${collectorProgram.name}: ${read.reason}\n`)
    process.exitCode = exitCode.usage
    return
  }
  const settings = read.values
  const log = createLog({ program: 'collector', level: settings.logLevel, format: settings.logFormat })
  const start = async () => {
    const { createCollector } = await import('./collector.ts')
    const collector = await createCollector(settings, { clock: systemClock, log, random: Math.random })
    process.stdout.write(`${JSON.stringify({ msg: 'ready', addresses: collector.addresses })}\n`)
    return collector
  }
  await runUntilSignal(start, { log, graceMs: GRACE_MS, untilParentGone: settings.untilParentGone })
}

if (import.meta.main) await collectorCommand({ argv: process.argv.slice(2), env: process.env })
