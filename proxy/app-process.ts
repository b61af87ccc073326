import { type ChildProcess, spawn } from 'node:child_process'

/** The application that the proxy was asked to start (`trimtab proxy ... -- node app.js`): it ends with the proxy, and the proxy with it. */
export interface AppProcess {
  /** Resolves with the exit code to pass on: the application's own, or 128 + the number of the signal that ended it. */
  readonly ended: Promise<number>
  /** Passes a signal on. */
  signal(signal: NodeJS.Signals): void
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
}

/** Starts the application with the proxy's own stdin, stdout and stderr. A command that cannot be started ends with 127, as in a shell. */
export function startApp(command: readonly string[], env: NodeJS.ProcessEnv): AppProcess {
  const [program, ...args] = command
  const child: ChildProcess = spawn(program!, args, { stdio: 'inherit', env })
  const ended = new Promise<number>(resolve => {
    child.once('error', () => resolve(127))
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signalNumbers[signal!] ?? 0)))
  })
  return {
    ended,
    signal(signal) {
      child.kill(signal)
    },
  }
}
