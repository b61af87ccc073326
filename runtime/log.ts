import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type DestinationStream, type Logger, pino } from 'pino'

export type Log = Logger

/** Loaded for whoever reads the log with their eyes: a program whose log is collected would carry it for nothing. */
const prettyPrinter = (): typeof import('pino-pretty') => createRequire(import.meta.url)('pino-pretty')

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]
export const logFormats = ['json', 'pretty'] as const
export type LogFormat = (typeof logFormats)[number]

/** The process's log, on stderr: stdout belongs to what a command answers. */
export function createLog(settings: { program: string; level: LogLevel; format: LogFormat }): Log {
  const options = {
    name: settings.program,
    level: settings.level,
    base: { program: settings.program, pid: process.pid },
  }
  if (settings.format === 'pretty') {
    const stream = prettyPrinter()({
      destination: 2,
      sync: true,
      colorize: process.stderr.isTTY,
      ignore: 'pid,hostname,name,program',
      messageFormat: '{program}: {msg}',
    })
    return pino(options, stream)
  }
  return pino({ ...options, timestamp: pino.stdTimeFunctions.isoTime }, lineWriter(2))
}

/**
 * Writes log lines at once. A line that cannot be written (the reader is gone, or does not read) is lost: a log must never hold up a
 * request, nor the end of a process (pino's own destination waits for ever at exit when its pipe is broken).
 */
export function lineWriter(fd: number): DestinationStream {
  return {
    write(line) {
      try {
        writeSync(fd, line)
      } catch {
        // EPIPE, EAGAIN, EIO: there is nobody to tell.
      }
    },
  }
}

/** A log that keeps silent, for tests. */
export const silentLog: Log = pino({ level: 'silent' })
