import { systemClock } from '../runtime/clock.ts'
import { settingsOrExit, usageError } from '../runtime/command.ts'
import { runUntilSignal } from '../runtime/lifecycle.ts'
import { createLog } from '../runtime/log.ts'
import type { Invocation } from '../runtime/settings.ts'
import { collectorProgram, collectorSettings, settingsProblem } from './config.ts'
import { joinTokenSource } from './join-token-source.ts'

/** What a closing collector may take: requests under way, the last fsync, the last batch. */
const GRACE_MS = 3000

/** `trimtab collector`: runs until a signal. Tells on stdout, in one line, when it is ready and where it listens. */
export async function collectorCommand(invocation: Invocation): Promise<void> {
  const { values } = settingsOrExit(collectorProgram, collectorSettings, invocation)
  const problem = settingsProblem(values)
  if (problem !== undefined) usageError(collectorProgram.name, problem)
  const joined = joinTokenSource(values.joinTokenFile, invocation.env)
  if (joined.status === 'invalid') usageError(collectorProgram.name, joined.reason)
  const log = createLog({ program: 'collector', level: values.logLevel, format: values.logFormat })
  const start = async () => {
    const { createCollector } = await import('./collector.ts')
    const settings = { ...values, joinToken: joined.token }
    const collector = await createCollector(settings, { clock: systemClock, log, random: Math.random })
    process.stdout.write(`${JSON.stringify({ msg: 'ready', addresses: collector.addresses })}\n`)
    return collector
  }
  await runUntilSignal(start, { log, graceMs: GRACE_MS, untilParentGone: values.untilParentGone })
}

if (import.meta.main) await collectorCommand({ argv: process.argv.slice(2), env: process.env })
