import type { Log } from './log.ts'

/** Something that runs until it is closed. Closing twice is closing once. */
export interface Running {
  close(): Promise<void>
}

export const exitCode = { done: 0, failed: 1, usage: 2 } as const

/**
 * Runs a program until SIGTERM or SIGINT, closes it within `graceMs`, and ends the process: 0 closed, 1 start failed or grace exceeded.
 * A second signal ends at once. When `parentPid` is given, the program also ends when that process is gone (its parent's death must not orphan it).
 */
export async function runUntilSignal(
  start: () => Promise<Running>,
  { log, graceMs, untilParentGone = false }: { log: Log; graceMs: number; untilParentGone?: boolean },
): Promise<void> {
  let running: Running
  try {
    running = await start()
  } catch (error) {
    log.fatal({ err: error }, `did not start: ${(error as Error).message}`)
    process.exit(exitCode.failed)
  }
  let closing = false
  const close = (why: string) => {
    if (closing) {
      log.warn(`${why} again: ends at once`)
      process.exit(exitCode.failed)
    }
    closing = true
    log.info(`${why}: closing, at most ${graceMs} ms`)
    setTimeout(() => {
      log.error(`not closed after ${graceMs} ms: ends anyway`)
      process.exit(exitCode.failed)
    }, graceMs).unref()
    running.close().then(
      () => process.exit(exitCode.done),
      error => {
        log.error({ err: error }, 'closing failed')
        process.exit(exitCode.failed)
      },
    )
  }
  process.on('SIGTERM', () => close('SIGTERM'))
  process.on('SIGINT', () => close('SIGINT'))
  if (untilParentGone || isRunByNpm(process.env)) endWithParent(() => !closing && close('the parent process is gone'))
}

/**
 * Run as `npx trimtab` or `npm start`: by a shell of npm's, which passes no signal on. That npm is gone is all that arrives when somebody
 * ends it (seen with npm 10 and 11).
 */
export function isRunByNpm({ npm_command }: NodeJS.ProcessEnv): boolean {
  return npm_command === 'exec' || npm_command === 'start'
}

/** Whoever started this process: asked at once, for it may be gone before anybody wants to know. */
const starter = process.ppid

/** Calls back once when the process that started this one is gone, so that a parent killed with -9 leaves nobody behind. */
export function endWithParent(gone: () => void): void {
  const watch = setInterval(() => {
    if (process.ppid === starter) return
    clearInterval(watch)
    gone()
  }, 500)
  watch.unref()
}
