import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { nodeFlags } from '../../runtime/node-flags.ts'

/** One process under `trimtab up`: started, watched, started again when it dies, ended for sure. */
export interface Child {
  readonly name: string
  readonly pid: number | undefined
  /** Resolves when it said that it is ready; rejects with its last words when it ended before. */
  start(): Promise<void>
  /** Ends it: SIGTERM, and SIGKILL when it is still there after `graceMs`. */
  stop(graceMs: number): Promise<void>
}

export interface ChildSettings {
  name: string
  script: string
  args: readonly string[]
  env: NodeJS.ProcessEnv
  logFile: string
  /** Whether a line of its stdout, read as JSON, says that it is ready. */
  isReady: (line: Record<string, unknown>) => boolean
  /** It ended although nobody asked it to; `onReturn` when it is ready again. */
  onDeath: (name: string, how: string) => void
  onReturn: (name: string) => void
}

const START_MS = 60_000
const LAST_WORDS_MAX = 2000
const RESTART_MS = 1000

export function child(settings: ChildSettings): Child {
  const log: WriteStream = createWriteStream(settings.logFile, { flags: 'a' })
  let running: ChildProcess | undefined
  let stopping = false

  const spawnOnce = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const started = spawn(process.execPath, [...nodeFlags, settings.script, ...settings.args], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: settings.env,
      })
      running = started
      let ready = false
      let lastWords = ''
      const timer = setTimeout(() => {
        started.kill('SIGKILL')
        reject(new Error(`${settings.name} was not ready within ${START_MS / 1000} s; its log: ${settings.logFile}`))
      }, START_MS)
      createInterface({ input: started.stdout! }).on('line', line => {
        log.write(`${line}\n`)
        if (ready || !saysReady(line, settings.isReady)) return
        ready = true
        clearTimeout(timer)
        resolve()
      })
      started.stderr!.on('data', (chunk: Buffer) => {
        log.write(chunk)
        if (!ready) lastWords = (lastWords + chunk.toString()).slice(-LAST_WORDS_MAX)
      })
      started.once('error', reject)
      started.once('exit', (code, signal) => {
        clearTimeout(timer)
        if (running === started) running = undefined
        const how = signal === null ? `exit code ${code}` : signal
        if (!ready) reject(new Error(`${settings.name} did not start (${how}): ${lastWords.trim()}`))
        else if (!stopping) died(how)
      })
    })

  const died = (how: string): void => {
    settings.onDeath(settings.name, how)
    setTimeout(() => {
      if (!stopping)
        spawnOnce().then(
          () => settings.onReturn(settings.name),
          (error: Error) => died(error.message),
        )
    }, RESTART_MS)
  }

  return {
    name: settings.name,
    get pid() {
      return running?.pid
    },
    start: spawnOnce,
    async stop(graceMs) {
      stopping = true
      const ending = running
      if (ending !== undefined) await end(ending, graceMs)
      log.end()
    },
  }
}

function end(running: ChildProcess, graceMs: number): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(() => running.kill('SIGKILL'), graceMs)
    running.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    if (!running.kill('SIGTERM') || running.exitCode !== null || running.signalCode !== null) {
      clearTimeout(timer)
      resolve()
    }
  })
}

function saysReady(line: string, isReady: (line: Record<string, unknown>) => boolean): boolean {
  if (!line.startsWith('{')) return false
  try {
    return isReady(JSON.parse(line) as Record<string, unknown>)
  } catch {
    return false
  }
}
