import { systemClock } from '../runtime/clock.ts'
import { exitCode, runUntilSignal } from '../runtime/lifecycle.ts'
import { createLog } from '../runtime/log.ts'
import { type Invocation, readSettings } from '../runtime/settings.ts'
import { controlProgram, controlSettings } from './config.ts'

/** What a closing control may take: the last write of its state. */
const GRACE_MS = 3000

/** `trimtab control`: runs until a signal. Tells on stdout, in one line, when it is ready and where it listens. */
export async function controlCommand(invocation: Invocation): Promise<void> {
  const read = readSettings(controlProgram, controlSettings, invocation)
  if (read.status === 'help') {
    process.stdout.write(read.text)
    return
  }
  if (read.status === 'invalid') {
    process.stderr.write(`${controlProgram.name}: ${read.reason}\n`)
    process.exitCode = exitCode.usage
    return
  }
  const settings = read.values
  const log = createLog({ program: 'control', level: settings.logLevel, format: settings.logFormat })
  const start = async () => {
    const { createControl } = await import('./control.ts')
    const control = await createControl(settings, { clock: systemClock, random: Math.random, log })
    process.stdout.write(`${JSON.stringify({ msg: 'ready', addresses: control.addresses })}\n`)
    return control
  }
  await runUntilSignal(start, { log, graceMs: GRACE_MS, untilParentGone: settings.untilParentGone })
}

if (import.meta.main) await controlCommand({ argv: process.argv.slice(2), env: process.env })
