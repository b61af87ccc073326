import { joinTokenOf, withoutJoinToken } from '../credentials/join-token.ts'
import { systemClock } from '../runtime/clock.ts'
import { settingsOrExit, usageError } from '../runtime/command.ts'
import { runUntilSignal } from '../runtime/lifecycle.ts'
import { createLog } from '../runtime/log.ts'
import type { Invocation } from '../runtime/settings.ts'
import { startApp } from './app-process.ts'
import { program, settings } from './config.ts'
import { roleOf } from './role.ts'

/** Where the token is when no file is named. */
const JOIN_TOKEN_VARIABLE = 'TRIMTAB_PROXY_JOIN_TOKEN'
/** Past the drain: reports, spans and files get this long to be closed. */
const CLOSE_MS = 1500

/** `trimtab proxy`: runs until a signal, or until the application that it started ends. Tells on stdout, in one line, when it is ready. */
export async function proxyCommand(invocation: Invocation): Promise<void> {
  const { values, operands } = settingsOrExit(program, settings, invocation)
  const role = roleOf(values)
  if (role.kind === 'unclear') usageError(program.name, `${role.reason} (see ${program.name} --help)`)
  const joined = joinTokenOf(values.joinTokenFile, JOIN_TOKEN_VARIABLE, invocation.env)
  if (joined.status === 'invalid') usageError(program.name, joined.reason)
  const log = createLog({ program: 'proxy', level: values.logLevel, format: values.logFormat })
  const start = async () => {
    const { createProxy } = await import('./proxy.ts')
    const quit = () => process.kill(process.pid, 'SIGTERM')
    const proxy = await createProxy(
      role,
      { ...values, joinToken: joined.token },
      { clock: systemClock, random: Math.random, log, quit },
    )
    process.stdout.write(`${JSON.stringify({ msg: 'ready', addresses: proxy.addresses })}\n`)
    if (operands.length === 0) return proxy
    return besideApp(proxy, operands)
  }
  await runUntilSignal(start, { log, graceMs: values.drain + CLOSE_MS, untilParentGone: values.untilParentGone })
}

/** Starts the application; its end is the proxy's end and its exit code ours. On our own end it is told first, and drained with us. */
function besideApp(proxy: { close(): Promise<void> }, command: readonly string[]): { close(): Promise<void> } {
  const app = startApp(command, withoutJoinToken(JOIN_TOKEN_VARIABLE, process.env))
  let closing = false
  void app.ended.then(async code => {
    if (closing) return
    closing = true
    await proxy.close()
    process.exit(code)
  })
  return {
    async close() {
      closing = true
      await proxy.close()
      app.signal('SIGTERM')
      process.exit(await app.ended)
    },
  }
}

if (import.meta.main) await proxyCommand({ argv: process.argv.slice(2), env: process.env })
